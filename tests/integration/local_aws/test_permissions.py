"""Enforced roles of template.yaml: each function may do its own work and nothing else.

MiniStack verifies signatures and evaluates IAM for all credentials except the root's, with two gaps: it does not
enforce `dynamodb:LeadingKeys`, and it ignores the ARN of a stream. A unit test of the template therefore covers the
permission to read the stream, which the Lambda service uses on AWS.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.local_aws.conftest import Clients
from tools.local.aws import LocalStack
from tools.stack.clients import ROOT_KEY, Credentials

KEY = {"pk": {"S": "USER#ana"}, "sk": {"S": "THREAD#one"}}
RECORD = {**KEY, "ord": {"S": "THREAD#1"}}
Call = Callable[[Any, LocalStack], Any]

CHAT_TABLE_CALLS: dict[str, Call] = {
    "PutItem": lambda db, s: db.put_item(TableName=s.table, Item=RECORD),
    "GetItem": lambda db, s: db.get_item(TableName=s.table, Key=KEY, ConsistentRead=True),
    "UpdateItem": lambda db, s: db.update_item(
        TableName=s.table, Key=KEY, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "1"}}
    ),
    "BatchGetItem": lambda db, s: db.batch_get_item(RequestItems={s.table: {"Keys": [KEY]}}),
    "TransactWriteItems": lambda db, s: db.transact_write_items(
        TransactItems=[
            {"ConditionCheck": {"TableName": s.table, "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}},
            {"Put": {"TableName": s.table, "Item": {**RECORD, "sk": {"S": "THREAD#two"}}}},
        ]
    ),
    "Query": lambda db, s: _query(db, s),
    "Query by_order": lambda db, s: _query(db, s, IndexName="by_order"),
    "DeleteItem": lambda db, s: db.delete_item(TableName=s.table, Key=KEY),
}
FORBIDDEN_TABLE_CALLS: dict[str, Call] = {
    "Scan": lambda db, s: db.scan(TableName=s.table),
    "CreateTable": lambda db, _: db.create_table(
        TableName="mine",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    ),
    "DeleteTable": lambda db, s: db.delete_table(TableName=s.table),
    "UpdateTimeToLive": lambda db, s: db.update_time_to_live(
        TableName=s.table, TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False}
    ),
    "GetItem of another table": lambda db, _: db.get_item(TableName="other", Key={"pk": {"S": "a"}}),
}
FILE_AREAS = ("pending", "files", "generated")


def _query(db: Any, stack: LocalStack, **index: str) -> Any:
    return db.query(
        TableName=stack.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": KEY["pk"]},
        **index,
    )


def denied(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") in ("AccessDenied", "AccessDeniedException", "403")
    return False


@pytest.fixture(scope="module", autouse=True)
def other_resources(stack: LocalStack, client: Clients) -> None:
    """A table and a bucket of another application in the same account."""
    client("dynamodb", ROOT_KEY).create_table(
        TableName="other",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    client("s3", ROOT_KEY).create_bucket(Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client("s3", ROOT_KEY).put_object(Bucket="other", Key="files/ana/one", Body=b"x")


class TestChat:
    @pytest.mark.parametrize("name", CHAT_TABLE_CALLS)
    def test_may_use_the_table(self, stack: LocalStack, client: Clients, name: str) -> None:
        client("dynamodb", ROOT_KEY).put_item(TableName=stack.table, Item=RECORD)

        CHAT_TABLE_CALLS[name](client("dynamodb", stack.chat_credentials), stack)

    @pytest.mark.parametrize("name", FORBIDDEN_TABLE_CALLS)
    def test_may_not_do_more_with_tables(self, stack: LocalStack, client: Clients, name: str) -> None:
        assert denied(lambda: FORBIDDEN_TABLE_CALLS[name](client("dynamodb", stack.chat_credentials), stack))

    def test_may_write_no_batches(self, stack: LocalStack, client: Clients) -> None:
        batch = {stack.table: [{"PutRequest": {"Item": RECORD}}]}

        assert denied(lambda: client("dynamodb", stack.chat_credentials).batch_write_item(RequestItems=batch))

    @pytest.mark.parametrize("area", FILE_AREAS)
    def test_may_write_read_copy_and_delete_its_objects(self, stack: LocalStack, client: Clients, area: str) -> None:
        s3 = client("s3", stack.chat_credentials)
        key = f"{area}/ana/one"

        s3.put_object(Bucket=stack.bucket, Key=key, Body=b"x")
        s3.get_object(Bucket=stack.bucket, Key=key)["Body"].close()
        s3.copy_object(Bucket=stack.bucket, Key="files/ana/copy", CopySource={"Bucket": stack.bucket, "Key": key})
        answer = s3.delete_objects(Bucket=stack.bucket, Delete={"Objects": [{"Key": key}]})

        assert "Errors" not in answer

    def test_may_write_and_read_big_bodies(self, stack: LocalStack, client: Clients) -> None:
        s3 = client("s3", stack.chat_credentials)

        s3.put_object(Bucket=stack.bucket, Key="overflow/ana/one", Body=b"x")
        s3.get_object(Bucket=stack.bucket, Key="overflow/ana/one")["Body"].close()

        assert denied(lambda: s3.delete_object(Bucket=stack.bucket, Key="overflow/ana/one"))

    def test_may_not_touch_other_objects(self, stack: LocalStack, client: Clients) -> None:
        s3 = client("s3", stack.chat_credentials)
        from_other = {"Bucket": "other", "Key": "files/ana/one"}

        assert denied(lambda: s3.put_object(Bucket=stack.bucket, Key="elsewhere/one", Body=b"x"))
        assert denied(lambda: s3.put_object(Bucket="other", Key="files/ana/one", Body=b"x"))
        assert denied(lambda: s3.copy_object(Bucket=stack.bucket, Key="files/ana/x", CopySource=from_other))
        assert denied(lambda: s3.list_objects_v2(Bucket=stack.bucket))
        assert denied(lambda: s3.delete_bucket(Bucket=stack.bucket))

    def test_its_presigned_upload_reaches_its_areas_only(self, stack: LocalStack, client: Clients) -> None:
        s3 = client("s3", stack.chat_credentials)

        def upload(key: str) -> int:
            url = s3.generate_presigned_url("put_object", Params={"Bucket": stack.bucket, "Key": key}, ExpiresIn=60)
            request = urllib.request.Request(url, data=b"x", method="PUT")
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return response.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert upload("pending/ana/one") == 200
        assert upload("elsewhere/one") == 403

    def test_may_read_its_secret_and_not_write_it(self, stack: LocalStack, client: Clients) -> None:
        secrets = client("secretsmanager", stack.chat_credentials)

        secrets.get_secret_value(SecretId=stack.secret_arn)

        assert denied(lambda: secrets.put_secret_value(SecretId=stack.secret_arn, SecretString="mine"))
        assert denied(secrets.list_secrets)

    def test_has_no_other_service(self, stack: LocalStack, client: Clients) -> None:
        key = stack.chat_credentials

        assert denied(client("iam", key).list_roles)
        assert denied(lambda: client("cognito-idp", key).list_users(UserPoolId=stack.user_pool_id))
        assert denied(lambda: client("cloudformation", key).list_stacks())

    def test_a_wrong_secret_key_is_refused(self, stack: LocalStack, client: Clients) -> None:
        key = stack.chat_credentials
        forged = client("dynamodb", Credentials(key.access_key, "wrong", key.token))

        with pytest.raises(ClientError, match="InvalidSignature"):
            forged.get_item(TableName=stack.table, Key=KEY)


class TestJanitor:
    def test_may_find_and_delete_records(self, stack: LocalStack, client: Clients) -> None:
        db = client("dynamodb", stack.janitor_credentials)

        _query(db, stack)
        _query(db, stack, IndexName="by_order")
        db.get_item(TableName=stack.table, Key=KEY)
        db.batch_write_item(RequestItems={stack.table: [{"DeleteRequest": {"Key": KEY}}]})

    def test_may_renew_a_tombstone_and_change_no_record(self, stack: LocalStack, client: Clients) -> None:
        db = client("dynamodb", stack.janitor_credentials)

        db.put_item(TableName=stack.table, Item={**KEY, "deleted_at": {"N": "1"}})

        assert denied(lambda: CHAT_TABLE_CALLS["UpdateItem"](db, stack))
        assert denied(lambda: CHAT_TABLE_CALLS["TransactWriteItems"](db, stack))

    @pytest.mark.parametrize("name", FORBIDDEN_TABLE_CALLS)
    def test_may_not_do_more_with_tables(self, stack: LocalStack, client: Clients, name: str) -> None:
        assert denied(lambda: FORBIDDEN_TABLE_CALLS[name](client("dynamodb", stack.janitor_credentials), stack))

    @pytest.mark.parametrize("area", [*FILE_AREAS, "overflow"])
    def test_may_delete_files(self, stack: LocalStack, client: Clients, area: str) -> None:
        s3 = client("s3", stack.janitor_credentials)

        answer = s3.delete_objects(Bucket=stack.bucket, Delete={"Objects": [{"Key": f"{area}/ana/one"}]})

        assert "Errors" not in answer

    def test_may_list_what_lies_in_the_bucket(self, stack: LocalStack, client: Clients) -> None:
        client("s3", stack.janitor_credentials).list_objects_v2(Bucket=stack.bucket, Prefix="overflow/ana/")

    def test_may_not_read_or_write_files(self, stack: LocalStack, client: Clients) -> None:
        s3 = client("s3", stack.janitor_credentials)

        assert denied(lambda: s3.get_object(Bucket=stack.bucket, Key="files/ana/copy"))
        assert denied(lambda: s3.put_object(Bucket=stack.bucket, Key="files/ana/copy", Body=b"x"))

    def test_may_not_read_the_secret(self, stack: LocalStack, client: Clients) -> None:
        secrets = client("secretsmanager", stack.janitor_credentials)

        assert denied(lambda: secrets.get_secret_value(SecretId=stack.secret_arn))
