"""docs/operate/deploy-role.json is enough for `make deploy`, and each of its actions is used.

MiniStack evaluates the policy on every request of the pipeline's user, and a recorder in its process lists them. The
buckets' policies, which demand TLS, are removed, because the local server has none. CloudFormation's own role is not
evaluated there; tests/unit/ops/test_roles.py holds its policy.
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.integration.deploy.conftest import Deployed, stub_build
from tools import ROOT
from tools.local.ministack import MiniStack
from tools.ops import verify
from tools.stack.publish import publish

POLICY = json.loads((ROOT / "docs" / "operate" / "deploy-role.json").read_text())
STACK_NAME = "chatkit-pipeline"
NOT_USED_HERE = {
    "iam:PassRole": "MiniStack's CloudFormation does not ask for it",
    "cloudformation:DeleteChangeSet": "a declined deployment: test_live.py",
    "cloudformation:UpdateTerminationProtection": "Stage=prod: test_pipeline_role.py",
    "lambda:GetAlias": "MiniStack asks for lambda:ListAliases instead",
    "s3:GetObjectTagging": "a second publication: test_pipeline_role.py",
    "s3:PutObjectTagging": "MiniStack asks for s3:PutObject alone",
    "lambda:UpdateAlias": "after a rollback: test_pipeline_role.py",
    "lambda:DeleteFunction": "after the third release: test_pipeline_role.py",
}


@dataclass(frozen=True)
class Recorded:
    """Actions of the pipeline's user, allowed and denied."""

    allowed: set[str]
    denied: set[str]


@pytest.fixture(scope="module")
def recorded(deployed: Deployed, record: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A new stack and a change of it by the pipeline, in the account where an administrator has deployed before."""
    aws, scratch = deployed.aws, tmp_path_factory.mktemp("pipeline")
    _without_tls_policy(aws)
    key = aws.iam_user("pipeline-of-a-new-stack", POLICY)
    with verify.operator(aws), pytest.MonkeyPatch.context() as patch:
        for name, value in key.environment().items():
            patch.setenv(name, value)
        pipeline = verify.prepared(stub_build(scratch / "build"), scratch, STACK_NAME)
        pipeline.deploy({}, lambda question: True)
        _without_tls_policy(aws)
        publish(pipeline.outputs(), _dist(scratch))
        replace(pipeline, console=pipeline.console).deploy({"OpenAIModel": "gpt-9"}, lambda question: True)
    entries = [json.loads(line) for line in record.read_text().splitlines()]
    mine = [(action, allowed) for access_key, action, _, allowed in entries if access_key == key.access_key]
    return Recorded({action for action, ok in mine if ok}, {action for action, ok in mine if not ok})


def _without_tls_policy(aws: MiniStack) -> None:
    """Let the pipeline use its stack's buckets and the one for code; other stacks keep their policies."""
    with closing(aws.client("s3")) as s3:
        for bucket in s3.list_buckets()["Buckets"]:
            if bucket["Name"].startswith((STACK_NAME, "aws-sam-cli-")):
                with suppress(s3.exceptions.ClientError):
                    s3.delete_bucket_policy(Bucket=bucket["Name"])


def _dist(scratch: Path) -> Path:
    dist = scratch / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><script src=/assets/a-1.js></script>")
    (dist / "assets" / "a-1.js").write_text("export {}")
    return dist


def policy_actions() -> set[str]:
    return {action for statement in POLICY["Statement"] for action in statement["Action"]}


@pytest.mark.promise("D2")
def test_the_policy_is_enough_for_a_new_stack_and_a_change(recorded: Recorded) -> None:
    assert recorded.denied == set()


@pytest.mark.promise("D2")
def test_every_action_of_the_policy_is_used(recorded: Recorded) -> None:
    assert policy_actions() - recorded.allowed - NOT_USED_HERE.keys() == set()
