"""Failed, planned, protected and complete stacks on MiniStack: explained, cleared, rolled back and destroyed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tools.local.aws import STACK_NAME, deploy
from tools.local.ministack import MiniStack
from tools.ops.logs import follow
from tools.stack.operator import DeploymentError
from tools.stack.recovery import make_deployable, protect
from tools.stack.releases import read_releases, roll_back
from tools.stack.removal import destroy
from tools.stack.states import Kind, StackState, read_state

NAME = "chatkit-states"
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "RetainExceptOnCreate",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
}
SITE = {"Type": "AWS::S3::Bucket", "Properties": {}}
NEVER = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "DependsOn": "Table",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
}
BROKEN = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}, "Never": NEVER}
"""Resources whose creation fails after a second, because no signal arrives."""
STAGE = {"Type": "String", "Default": "dev"}


def template(**resources: Any) -> str:
    return json.dumps({"Parameters": {"Stage": STAGE}, "Resources": resources})


@pytest.fixture(scope="module")
def aws() -> Iterator[MiniStack]:
    with MiniStack.start() as server:
        yield server


@pytest.fixture
def cloudformation(aws: MiniStack) -> Iterator[Any]:
    with closing(aws.client("cloudformation")) as client:
        yield client


def created(client: Any, body: str, **more: Any) -> StackState:
    client.create_stack(StackName=NAME, TemplateBody=body, **more)
    return settled(client)


def settled(client: Any) -> StackState:
    limit = time.monotonic() + 30
    while (state := read_state(client, NAME)).kind is Kind.BUSY:
        assert time.monotonic() < limit
        time.sleep(0.02)
    return state


def destroyed(aws: MiniStack, name: str = NAME) -> str:
    lines: list[str] = []
    destroy("dev", name, client=aws.client, ask=lambda question: name, say=lines.append)
    return "\n".join(lines)


@pytest.mark.promise("D3")
class TestFailedCreation:
    def test_is_explained_removed_and_deployed_again(
        self, aws: MiniStack, cloudformation: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("YES", raising=False)
        state = created(cloudformation, template(Table=TABLE, **BROKEN))
        assert (state.status, state.kind) == ("ROLLBACK_COMPLETE", Kind.FAILED_CREATION)
        assert state.failure
        assert (state.failure.resource, state.failure.type) == ("Never", "AWS::CloudFormation::WaitCondition")

        make_deployable("dev", NAME, client=aws.client, agree=lambda question: True, say=lambda text: None)

        assert created(cloudformation, template(Table=TABLE)).kind is Kind.READY
        destroyed(aws)

    def test_can_be_destroyed_without_outputs(self, aws: MiniStack, cloudformation: Any) -> None:
        created(cloudformation, template(Table=TABLE, **BROKEN))

        assert "Nothing remains." in destroyed(aws)
        assert read_state(cloudformation, NAME).kind is Kind.ABSENT


@pytest.mark.promise("D3")
class TestDestroy:
    def test_a_change_set_that_was_never_executed(self, aws: MiniStack, cloudformation: Any) -> None:
        cloudformation.create_change_set(
            StackName=NAME, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template(Table=TABLE)
        )
        assert settled(cloudformation).kind is Kind.PLANNED

        destroyed(aws)

        assert read_state(cloudformation, NAME).kind is Kind.ABSENT

    def test_a_filled_bucket_goes_and_the_table_stays_with_its_name(self, aws: MiniStack, cloudformation: Any) -> None:
        created(cloudformation, template(Table=TABLE, SiteBucket=SITE))
        names = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
        }
        with closing(aws.client("s3")) as s3, closing(aws.client("dynamodb")) as dynamodb:
            s3.put_object(Bucket=names["SiteBucket"], Key="index.html", Body=b"page")

            text = destroyed(aws)

            assert names["SiteBucket"] not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
            assert names["Table"] in dynamodb.list_tables()["TableNames"]
        going, _, remaining = text.partition("These remain")
        assert names["SiteBucket"] in going
        assert names["Table"] in remaining

    def test_production_is_protected_until_its_name_is_typed(self, aws: MiniStack, cloudformation: Any) -> None:
        stage = [{"ParameterKey": "Stage", "ParameterValue": "prod"}]
        created(cloudformation, template(Table=TABLE), Parameters=stage)
        protect(NAME, client=aws.client)
        with pytest.raises(cloudformation.exceptions.ClientError, match="TerminationProtection"):
            cloudformation.delete_stack(StackName=NAME)
        with pytest.raises(DeploymentError):
            destroy("prod", NAME, client=aws.client, ask=lambda question: "y", say=lambda text: None)
        assert read_state(cloudformation, NAME).protected

        destroyed(aws)

        assert read_state(cloudformation, NAME).kind is Kind.ABSENT

    def test_the_projects_own_stack_lists_all_that_remains(self, aws: MiniStack, cloudformation: Any) -> None:
        stack = deploy(aws)
        assistants = stack.chat_environment["ASSISTANT_TABLE"]

        remaining = destroyed(aws, STACK_NAME).partition("These remain")[2]

        for name in (stack.table, stack.bucket, stack.user_pool_id, "OpenAISecret", assistants):
            assert name in remaining, name


@pytest.mark.promise("D3")
def test_rollback_moves_the_alias_of_a_real_function(aws: MiniStack) -> None:
    deploy(aws)
    name = read_releases(aws.client, STACK_NAME).function
    with closing(aws.client("lambda")) as functions:
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, "RELEASE": "broken"}}
        )
        second = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=second)
    before = read_releases(aws.client, STACK_NAME)
    assert before.live.release == "broken"

    after = roll_back("dev", STACK_NAME, client=aws.client, agree=lambda question: True, say=lambda text: None)

    assert after.live == before.previous
    assert after.live.release != "broken"
    assert after.newest == before.live
    destroyed(aws, STACK_NAME)


def test_one_request_is_found_in_a_real_log_group(aws: MiniStack, cloudformation: Any) -> None:
    deploy(aws)
    found = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId="ChatLogs")
    where = {"logGroupName": found["StackResourceDetail"]["PhysicalResourceId"], "logStreamName": "s"}
    with closing(aws.client("logs")) as logs:
        logs.create_log_stream(**where)
        now = int(time.time() * 1000)
        messages = ['{"level": "INFO", "request_id": "r-1"}', '{"level": "ERROR", "request_id": "r-2"}']
        logs.put_log_events(**where, logEvents=[{"timestamp": now, "message": each} for each in messages])
    lines: list[str] = []

    follow("dev", STACK_NAME, "r-2", client=aws.client, say=lines.append)

    assert lines == messages[1:]
    destroyed(aws, STACK_NAME)
