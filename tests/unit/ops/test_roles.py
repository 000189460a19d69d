"""The policies of a pipeline's roles: complete for the template's resource types, and without access to data."""

from __future__ import annotations

import fnmatch
import json

import pytest

from tools import ROOT
from tools.ops import roles
from tools.stack.template import read_template

USED = roles.handler_actions(roles.resource_types(read_template()))
PUBLIC = ("arn:aws:s3:::aws-sam-cli-managed-default-*/*", "arn:aws:s3:::chatkit-*sitebucket-*/*")
DEPLOY_ROLE = ROOT / "docs" / "operate" / "deploy-role.json"


def test_the_file_is_made_from_the_template() -> None:
    made = roles.policy(read_template())
    assert json.loads(roles.FILE.read_text()) == made, "run `python -m tools.ops.roles`"


def test_every_action_of_the_handlers_is_allowed_or_unused_for_a_reason() -> None:
    allowed = {action for statement in roles.policy(read_template())["Statement"] for action in statement["Action"]}

    assert {action for action in USED if not roles.is_unused(action)} <= allowed


@pytest.mark.parametrize("pattern", roles.UNUSED)
def test_every_exception_applies_to_an_action(pattern: str) -> None:
    assert fnmatch.filter(USED, pattern), f"{pattern}: delete it"


def test_a_pipeline_cannot_read_data() -> None:
    """No records, files of users, logs or secret values. Uploaded code and the published page are not users' data."""
    for path in (roles.FILE, DEPLOY_ROLE):
        for statement in json.loads(path.read_text())["Statement"]:
            of_users = [each for each in statement["Resource"] if each not in PUBLIC]
            actions = statement["Action"] if of_users else []
            assert not fnmatch.filter(actions, "dynamodb:*Item"), statement["Sid"]
            assert not {"dynamodb:Query", "dynamodb:Scan", "s3:GetObject", "secretsmanager:GetSecretValue"} & {*actions}
            assert not fnmatch.filter(actions, "logs:*Events"), statement["Sid"]
            allowed = [] if statement["Effect"] == "Deny" else actions
            assert not [each for each in allowed if "*" in each], "an action with a wildcard"
            assert not fnmatch.filter(allowed, "dynamodb:*ResourcePolicy"), "a way to admit anyone"


def test_roles_can_be_passed_to_named_services_only() -> None:
    for path in (roles.FILE, DEPLOY_ROLE):
        for statement in json.loads(path.read_text())["Statement"]:
            if "iam:PassRole" in statement["Action"]:
                assert statement["Action"] == ["iam:PassRole"]
                assert statement["Condition"]["StringEquals"]["iam:PassedToService"]
                assert statement["Resource"] != ["*"]


def test_the_pipeline_cannot_widen_its_own_roles_or_make_roles_without_a_boundary() -> None:
    denied = {each["Sid"]: each for each in roles.policy(read_template())["Statement"] if each["Effect"] == "Deny"}

    own = denied["NotThePipelinesOwnRoles"]
    assert own["Action"] == ["iam:*"]
    assert {arn.rpartition("/")[2] for arn in own["Resource"]} == {"chatkit-deploy", "chatkit-cloudformation"}
    boundary = denied["NoRoleWithoutBoundary"]
    assert {"iam:CreateRole", "iam:PutRolePolicy"} <= {*boundary["Action"]}
    assert list(boundary["Condition"]["StringNotEquals"]) == ["iam:PermissionsBoundary"]


def test_both_fit_into_inline_policies() -> None:
    """IAM counts the characters without white space; a role's inline policies may have 10,240."""
    for path in (roles.FILE, DEPLOY_ROLE):
        assert len("".join(path.read_text().split())) < 10_240
