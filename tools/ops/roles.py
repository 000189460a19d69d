"""Policy of the role that CloudFormation uses for a pipeline: docs/operate/cloudformation-role.json.

    python -m tools.ops.roles            # write the file again after a change of template.yaml

CloudFormation's resource schemas, as packaged with cfn-lint, list the actions that each resource type's handlers call.
The policy allows those of template.yaml's types, without the actions in `UNUSED`, on names that start with `PREFIX`
wherever a service supports it. The role can therefore manage the stack but cannot read a conversation, a file or a
secret's value.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cfnlint

from tools import ROOT
from tools.stack.template import Template, read_template

FILE = ROOT / "docs" / "operate" / "cloudformation-role.json"
PREFIX = "chatkit-"
SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"
REGION_OF_SCHEMAS = "us-east-1"

SAM_TYPES: Mapping[str, tuple[str, ...]] = {
    "AWS::Serverless::Function": (
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Url",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Permission",
        "AWS::IAM::Role",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
    ),
    "AWS::Serverless::LayerVersion": ("AWS::Lambda::LayerVersion",),
    "AWS::Serverless::Api": ("AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"),
}
"""SAM's resource types and the types that it generates for them."""

UNUSED: Mapping[str, str] = {
    "dynamodb:BatchWriteItem": "data",
    "dynamodb:DeleteItem": "data",
    "dynamodb:GetItem": "data",
    "dynamodb:PutItem": "data",
    "dynamodb:Query": "data",
    "dynamodb:Scan": "data",
    "dynamodb:UpdateItem": "data",
    "dynamodb:*Replica": "no global tables",
    "dynamodb:ImportTable": "no import",
    "dynamodb:DescribeImport": "no import",
    "dynamodb:*ResourcePolicy": "no resource policy, which could admit anyone",
    "dynamodb:EnableKinesisStreamingDestination": "no Kinesis stream",
    "dynamodb:DisableKinesisStreamingDestination": "no Kinesis stream",
    "dynamodb:UpdateKinesisStreamingDestination": "no Kinesis stream",
    "secretsmanager:GetSecretValue": "data",
    "secretsmanager:*Region*": "no replicas",
    "s3:DeleteObject": "data",
    "s3:GetObject*": "data",
    "s3:ListBucket": "data",
    "s3:PutObjectAcl": "no object of a stack",
    "s3:REST.PUT.OBJECT": "not an action of IAM",
    "s3:*Metadata*Table*": "no metadata tables",
    "s3:*Replication*": "no replication",
    "s3:*Website": "no website",
    "s3:*Accelerate*": "no acceleration",
    "s3:*Analytics*": "no analytics",
    "s3:*Inventory*": "no inventory",
    "s3:*IntelligentTiering*": "no tiering",
    "s3:*Metrics*": "no request metrics",
    "s3:*ObjectLock*": "no object lock",
    "s3:*BucketAbac": "no tags in conditions",
    "s3:*BucketLogging": "no access logs",
    "s3:*BucketVersioning": "no versions",
    "s3:PutBucketAcl": "no access lists",
    "s3tables:*": "no metadata tables",
    "s3files:*": "no file systems",
    "ec2:*": "no VPC",
    "elasticfilesystem:*": "no file systems",
    "kinesis:*": "no Kinesis stream",
    "firehose:*": "no Firehose stream",
    "lambda:*Provisioned*": "no provisioned concurrency",
    "lambda:*CodeSigning*": "no code signing",
    "lambda:*Capacity*": "no capacity provider",
    "lambda:*FunctionScaling*": "no capacity provider",
    "lambda:AssociateRuntimeAlias": "not used",
    "lambda:*RuntimeManagement*": "the default",
    "logs:*Delivery*": "no delivery of API logs",
    "logs:*ResourcePolic*": "no resource policy",
    "logs:*DataProtectionPolicy": "no data protection policy",
    "logs:*IndexPolic*": "no index policy",
    "logs:PutLogEvents": "data",
    "logs:CreateLogStream": "data",
    "logs:PutBearerTokenAuthentication": "no bearer tokens",
    "logs:PutLogGroupDeletionProtection": "no deletion protection of log groups",
    "cloudfront:*Connection*": "no tenants",
    "cloudfront:*Vpc*": "no VPC origin",
    "cloudfront:UpdateDistributionWithStagingConfig": "no staging distribution",
    "cloudfront:updateDistribution": "a second spelling",
    "sns:*DataProtectionPolicy": "no data protection policy",
    "iam:*AttachRolePolicy": "inline policies only",
    "iam:DetachRolePolicy": "inline policies only",
    "iam:ListAttachedRolePolicies": "inline policies only",
    "iam:*GroupPolicy": "policies of roles only",
    "iam:*UserPolicy": "policies of roles only",
    "iam:CreateServiceLinkedRole": "no service-linked role of a stack",
    "iam:PassRole": "see PASS_ROLES",
    "billing:*": "no billing view",
    "kms:ListAliases": "keys are named by their ARN",
}
"""Patterns of actions that the schemas list for features which the template does not use, each with its reason."""

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "apigateway": ("arn:aws:apigateway:*::/*",),
    "budgets": ("arn:aws:budgets::*:budget/*",),
    "cloudfront": ("*",),
    "cloudwatch": (f"arn:aws:cloudwatch:*:*:alarm:{PREFIX}*", f"arn:aws:cloudwatch::*:dashboard/{PREFIX}*"),
    "codedeploy": (
        f"arn:aws:codedeploy:*:*:application:{PREFIX}*",
        f"arn:aws:codedeploy:*:*:deploymentgroup:{PREFIX}*",
        "arn:aws:codedeploy:*:*:deploymentconfig:*",
    ),
    "cognito-idp": ("arn:aws:cognito-idp:*:*:userpool/*",),
    "dynamodb": (f"arn:aws:dynamodb:*:*:table/{PREFIX}*",),
    "iam": (f"arn:aws:iam::*:role/{PREFIX}*",),
    "kms": ("arn:aws:kms:*:*:key/*",),
    "lambda": (
        f"arn:aws:lambda:*:*:function:{PREFIX}*",
        f"arn:aws:lambda:*:*:layer:{PREFIX}*",
        "arn:aws:lambda:*:*:event-source-mapping:*",
    ),
    "logs": (f"arn:aws:logs:*:*:log-group:{PREFIX}*",),
    "s3": (f"arn:aws:s3:::{PREFIX}*",),
    "secretsmanager": ("arn:aws:secretsmanager:*:*:secret:OpenAISecret-*",),
    "sns": (f"arn:aws:sns:*:*:{PREFIX}*",),
}
"""Resources by service. Physical names start with the stack's name, except where CloudFormation chooses others."""

UNSCOPED = ("DescribeLogGroups", "GetRandomPassword", "CreateUserPool", "DescribeUserPoolDomain", "DescribeAlarms")
"""Actions that do not accept a resource (Service Authorization Reference)."""

ARTIFACTS = {
    "Sid": "Artifacts",
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": ["arn:aws:s3:::aws-sam-cli-managed-default-*/*"],
}
"""The uploaded code, which Lambda reads with the permissions of the role that creates the function."""
PASS_ROLES = {
    "Sid": "PassRoles",
    "Effect": "Allow",
    "Action": ["iam:PassRole"],
    "Resource": [f"arn:aws:iam::*:role/{PREFIX}*"],
    "Condition": {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]}},
}
NOT_THE_PIPELINE = {
    "Sid": "NotThePipelinesOwnRoles",
    "Effect": "Deny",
    "Action": ["iam:*"],
    "Resource": ["arn:aws:iam::*:role/chatkit-deploy", "arn:aws:iam::*:role/chatkit-cloudformation"],
}
"""A template must not be able to give these two roles more rights."""
NO_ROLE_WITHOUT_BOUNDARY = {
    "Sid": "NoRoleWithoutBoundary",
    "Effect": "Deny",
    "Action": ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary"],
    "Resource": ["*"],
    "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": "arn:aws:iam::ACCOUNT:policy/chatkit-boundary"}},
}
"""Replace ACCOUNT. Otherwise a template with another role is a way to every right of the account."""
TRANSFORM = {
    "Sid": "Transform",
    "Effect": "Allow",
    "Action": ["cloudformation:CreateChangeSet"],
    "Resource": ["arn:aws:cloudformation:*:aws:transform/*"],
}


def resource_types(template: Template) -> set[str]:
    """Return the template's resource types, with the types that SAM generates instead of SAM's own."""
    types: set[str] = set()
    for resource in template["Resources"].values():
        types.update(SAM_TYPES.get(resource["Type"], (resource["Type"],)))
    return types


def handler_actions(types: Iterable[str]) -> set[str]:
    """Return the actions that CloudFormation's handlers of these types call. Raises KeyError for an unknown type."""
    index: dict[str, str] = json.loads((SCHEMAS / "providers" / f"{REGION_OF_SCHEMAS}.json").read_text())
    actions: set[str] = set()
    for type_name in types:
        schema: dict[str, Any] = json.loads((SCHEMAS / "resources" / f"{index[type_name]}.json").read_text())
        for name, handler in schema.get("handlers", {}).items():
            if name != "list":  # used by resource scans, not by stacks
                actions.update(handler["permissions"])
    return actions


def is_unused(action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in UNUSED)


def policy(template: Template) -> dict[str, Any]:
    """Return the policy, one statement for each service. Raises KeyError for a service without `RESOURCES`."""
    used = sorted(action for action in handler_actions(resource_types(template)) if not is_unused(action))
    services: dict[str, list[str]] = {}
    for action in used:
        name = "Unscoped" if action.partition(":")[2] in UNSCOPED else action.partition(":")[0]
        services.setdefault(name, []).append(action)
    statements = [
        {
            "Sid": "".join(part.capitalize() for part in name.split("-")),
            "Effect": "Allow",
            "Action": actions,
            "Resource": ["*"] if name == "Unscoped" else list(RESOURCES[name]),
        }
        for name, actions in sorted(services.items())
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [*statements, PASS_ROLES, NOT_THE_PIPELINE, NO_ROLE_WITHOUT_BOUNDARY, ARTIFACTS, TRANSFORM],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(policy(read_template()), indent=2) + "\n")
    print(f"wrote {FILE.relative_to(ROOT)}")
