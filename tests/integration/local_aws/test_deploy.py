"""template.yaml through local CloudFormation: settings, environments, repeated deployments and failures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.integration.local_aws.conftest import OPENAI_KEY, Clients
from tools.client.sign_in import create_user, sign_in
from tools.local import aws as local_aws
from tools.local.aws import LocalStack, StackError, deploy, settle
from tools.local.ministack import MiniStack
from tools.stack.clients import ROOT_KEY
from tools.stack.template import read_template


class TestSettings:
    def test_every_setting_read_back_is_the_templates(self, stack: LocalStack) -> None:
        assert [str(each) for each in stack.settings_read_back if not each.agrees] == []

    def test_what_cloudformation_dropped_was_set_by_api(self, stack: LocalStack, client: Clients) -> None:
        dynamodb, s3 = client("dynamodb", ROOT_KEY), client("s3", ROOT_KEY)

        ttl = dynamodb.describe_time_to_live(TableName=stack.table)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=stack.table)["ContinuousBackupsDescription"]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=stack.bucket)["Rules"]

        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert {"pending/", "aws/lambda/"} <= {rule["Filter"].get("Prefix") for rule in rules}

    def test_a_setting_that_differs_is_seen(self, aws: MiniStack, stack: LocalStack) -> None:
        template = read_template()
        template["Resources"]["Table"]["Properties"]["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"

        wrong = [each.name for each in settle(aws, template, stack.table, stack.bucket) if not each.agrees]

        assert wrong == ["table stream"]


class TestEnvironment:
    def test_the_chat_function_gets_the_stacks_names(self, stack: LocalStack) -> None:
        environment = stack.chat_environment

        assert environment["TABLE_NAME"] == stack.table
        assert environment["BUCKET_NAME"] == stack.bucket
        assert environment["COGNITO_ISSUER"] == f"https://cognito-idp.eu-west-1.amazonaws.com/{stack.user_pool_id}"
        assert environment["COGNITO_JWKS_URL"].startswith(stack.endpoint)
        assert environment["AWS_ENDPOINT_URL"] == stack.endpoint

    def test_the_key_of_openai_is_where_the_environment_says(self, stack: LocalStack, client: Clients) -> None:
        secrets = client("secretsmanager", stack.chat_credentials)

        secret = secrets.get_secret_value(SecretId=stack.chat_environment["OPENAI_SECRET_ARN"])

        assert secret["SecretString"] == OPENAI_KEY
        assert OPENAI_KEY not in stack.chat_environment.values()

    def test_no_function_gets_the_root_key(self, stack: LocalStack) -> None:
        assert ROOT_KEY not in (stack.chat_credentials, stack.janitor_credentials)
        assert stack.chat_credentials.token
        assert stack.janitor_credentials.token

    def test_ministack_does_not_run_the_janitors_placeholder(self, aws: MiniStack, client: Clients) -> None:
        mappings = client("lambda", ROOT_KEY).list_event_source_mappings()["EventSourceMappings"]

        assert {mapping["State"] for mapping in mappings} <= {"Disabled", "Disabling"}


class TestAgain:
    def test_a_second_deployment_keeps_every_name(self, aws: MiniStack, stack: LocalStack) -> None:
        again = deploy(aws)

        names = [field.name for field in dataclasses.fields(LocalStack) if not field.name.endswith("_credentials")]
        assert {name: getattr(again, name) for name in names} == {name: getattr(stack, name) for name in names}

    def test_parameters_reach_the_function(self, aws: MiniStack, stack: LocalStack) -> None:
        changed = deploy(aws, {"OpenAIModel": "gpt-9", "RetentionDays": "30"})
        restored = deploy(aws)

        assert changed.chat_environment["OPENAI_MODEL"] == "gpt-9"
        assert changed.chat_environment["RETENTION_DAYS"] == "30"
        assert restored.chat_environment == stack.chat_environment

    def test_a_restarted_server_has_the_same_stack_and_users(self, tmp_path: Path) -> None:
        """`make dev` keeps its state, but the port and thus the endpoint can change."""
        with MiniStack.start(state_dir=tmp_path) as server:
            before = deploy(server)
            create_user(before, "ana@example.com", "Groceries-2026")

        with MiniStack.start(state_dir=tmp_path) as server:
            after = deploy(server)
            tokens = sign_in(after, "ana@example.com", "Groceries-2026")

        assert (after.table, after.bucket, after.client_id) == (before.table, before.bucket, before.client_id)
        assert tokens.access_token


class TestFailure:
    def test_cloudformations_reason_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = read_template()
        broken["Resources"]["UserPoolClient"]["Properties"]["UserPoolId"] = "eu-west-1_nowhere"
        monkeypatch.setattr(local_aws, "read_template", lambda: broken)

        with MiniStack.start() as server, pytest.raises(StackError, match="UserPoolClient"):
            deploy(server)
