"""Every permission of template.yaml is necessary: without it, a call that the functions make is denied.

The test removes each action on each resource of each statement from the deployed role in turn. MiniStack evaluates a
role's policy on every request, so existing sessions see the change. The doctor, `make demo` and tests/e2e run under
these roles and show that the permissions are sufficient.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.local_aws.conftest import Clients
from tools.local.aws import LocalStack, outputs_of
from tools.local.ministack import MiniStack
from tools.stack.clients import ROOT_KEY
from tools.stack.template import read_template

KEY = {"pk": {"S": "USER#ana"}, "sk": {"S": "THREAD#one"}}
RECORD = {**KEY, "ord": {"S": "THREAD#1"}}
Call = Callable[[Any, str], Any]

# Used by AWS on behalf of the functions, which do not make these calls themselves.
BY_AWS = {"ReadStream", "FindStream", "KeepFailedBatches", "Logs"}

CALLS: dict[str, tuple[str, Call]] = {
    "dynamodb:BatchGetItem": (
        "dynamodb",
        lambda db, table: db.batch_get_item(RequestItems={table: {"Keys": [KEY]}}),
    ),
    "dynamodb:BatchWriteItem": (
        "dynamodb",
        lambda db, table: db.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": RECORD}}]}),
    ),
    "dynamodb:ConditionCheckItem": (
        "dynamodb",
        lambda db, table: db.transact_write_items(
            TransactItems=[
                {"ConditionCheck": {"TableName": table, "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}},
                {"Put": {"TableName": table, "Item": {**RECORD, "sk": {"S": "THREAD#two"}}}},
            ]
        ),
    ),
    "dynamodb:DeleteItem": (
        "dynamodb",
        lambda db, table: db.delete_item(TableName=table, Key={**KEY, "sk": {"S": "gone"}}),
    ),
    "dynamodb:GetItem": ("dynamodb", lambda db, table: db.get_item(TableName=table, Key=KEY)),
    "dynamodb:PutItem": ("dynamodb", lambda db, table: db.put_item(TableName=table, Item=RECORD)),
    "dynamodb:Query": ("dynamodb", lambda db, table: _query(db, table)),
    "dynamodb:Query by_order": ("dynamodb", lambda db, table: _query(db, table, IndexName="by_order")),
    "dynamodb:UpdateItem": (
        "dynamodb",
        lambda db, table: db.update_item(
            TableName=table, Key=KEY, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "1"}}
        ),
    ),
    "s3:GetObject": ("s3", lambda s3, path: s3.get_object(**_place(path))["Body"].close()),
    "s3:PutObject": ("s3", lambda s3, path: s3.put_object(**_place(path), Body=b"x")),
    "s3:DeleteObject": ("s3", lambda s3, path: s3.delete_object(**_place(path))),
    "s3:ListBucket": ("s3", lambda s3, bucket: s3.list_objects_v2(Bucket=bucket, Prefix="overflow/ana/")),
    "secretsmanager:GetSecretValue": ("secretsmanager", lambda secrets, arn: secrets.get_secret_value(SecretId=arn)),
}


def _query(db: Any, table: str, **index: str) -> Any:
    values = {":pk": KEY["pk"]}
    return db.query(TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, **index)


def _place(path: str) -> dict[str, str]:
    bucket, _, area = path.partition("/")
    return {"Bucket": bucket, "Key": f"{area.removesuffix('*')}ana/one"}


@dataclass(frozen=True)
class Permission:
    """One action on one resource of one statement."""

    role: str
    sid: str
    action: str
    resource: int

    def __str__(self) -> str:
        return f"{self.role} {self.sid} {self.action} {self.resource}"


def permissions() -> Iterator[Permission]:
    for role in ("ChatRole", "JanitorRole"):
        for statement in read_template()["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
            if statement["Sid"] in BY_AWS or statement["Effect"] == "Deny":
                continue
            for action in _list(statement["Action"]):
                for resource in range(len(_list(statement["Resource"]))):
                    yield Permission(role, statement["Sid"], action, resource)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass
class Role:
    """The only policy of a deployed role, readable and writable."""

    iam: Any
    name: str
    policy: str

    def statements(self) -> list[dict[str, Any]]:
        document = self.iam.get_role_policy(RoleName=self.name, PolicyName=self.policy)["PolicyDocument"]
        return document["Statement"]

    def write(self, statements: list[dict[str, Any]]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName=self.name, PolicyName=self.policy, PolicyDocument=document)


@pytest.fixture(scope="module")
def roles(aws: MiniStack, stack: LocalStack) -> Iterator[dict[str, Role]]:
    outputs = outputs_of(aws)
    with closing(aws.client("iam")) as iam:
        names = {role: outputs[f"{role}Arn"].rpartition("/")[2] for role in ("ChatRole", "JanitorRole")}
        yield {
            role: Role(iam, name, iam.list_role_policies(RoleName=name)["PolicyNames"][0])
            for role, name in names.items()
        }


def without(statements: list[dict[str, Any]], permission: Permission) -> tuple[list[dict[str, Any]], str]:
    """Return the statements without `permission`, and its resource."""
    rest = copy.deepcopy(statements)
    (statement,) = (each for each in rest if each["Sid"] == permission.sid)
    resource = _list(statement["Resource"])[permission.resource]
    others = [each for each in _list(statement["Resource"]) if each != resource]
    actions = [each for each in _list(statement["Action"]) if each != permission.action]
    rest.remove(statement)
    for kept in ({**statement, "Action": actions}, {**statement, "Sid": "Others", "Resource": others}):
        if kept["Action"] and kept["Resource"]:
            rest.append(kept)
    return rest, resource


def call_of(permission: Permission, resource: str, client: Callable[[str], Any]) -> Any:
    name = f"{permission.action} by_order" if resource.endswith("/index/by_order") else permission.action
    service, call = CALLS[name]
    # dynamodb: …:table/NAME[/index/…], s3: …:::BUCKET[/area/*], Secrets Manager takes the ARN
    target = resource.partition(":table/")[2].partition("/")[0] or resource.rpartition(":::")[2] or resource
    if service == "secretsmanager":
        target = resource
    return call(client(service), target)


def denied(call: Callable[[], Any]) -> bool:
    """Return whether IAM denies the call. An allowed call can still fail, for example for keys of another table."""
    try:
        call()
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") in ("AccessDenied", "AccessDeniedException")
    return False


@pytest.mark.parametrize("permission", list(permissions()), ids=str)
def test_without_it_a_call_of_ours_is_denied(
    stack: LocalStack, roles: dict[str, Role], client: Clients, permission: Permission
) -> None:
    role = roles[permission.role]
    key = stack.chat_credentials if permission.role == "ChatRole" else stack.janitor_credentials
    whole = role.statements()
    reduced, resource = without(whole, permission)
    if permission.action == "s3:GetObject":
        client("s3", ROOT_KEY).put_object(**_place(resource.rpartition(":::")[2]), Body=b"x")
    role.write(reduced)
    try:
        without_it = denied(lambda: call_of(permission, resource, lambda service: client(service, key)))
    finally:
        role.write(whole)

    assert without_it
    assert not denied(lambda: call_of(permission, resource, lambda service: client(service, key)))


def test_every_permission_has_its_call() -> None:
    wanted = {permission.action for permission in permissions()}

    assert wanted == {name.partition(" ")[0] for name in CALLS}
