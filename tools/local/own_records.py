"""Records of the assistant's own table that `make dev` starts with: app/local.json, a list of JSON objects.

    put_records(stack.aws, App.read(), "demo@example.com")        # the number of new records

Each object has a key `record`. It belongs to the demo user, and one that is there already is kept.
"""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from boto3.dynamodb.types import TypeSerializer

from tools.app.folder import App, AppError
from tools.local.aws import LocalStack
from tools.stack.clients import local_client

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient

FILE = "local.json"


def put_records(stack: LocalStack, app: App | None, email: str) -> int:
    """Store the records for a user, and return the number of new ones. Raises AppError for a file that is wrong."""
    records = _read(app) if app else []
    if not records:
        return 0
    dynamodb: DynamoDBClient
    with closing(local_client("dynamodb", stack.endpoint)) as dynamodb:
        user = _user_id(stack, email)
        return sum(_put(dynamodb, stack.chat_environment["ASSISTANT_TABLE"], user, record) for record in records)


def _read(app: App) -> list[dict[str, Any]]:
    path = app.folder / FILE
    if not path.exists():
        return []
    try:
        content: Any = json.loads(path.read_text(), parse_float=Decimal)
    except ValueError as error:
        raise AppError(f"app/{FILE}: {error}") from None
    records: list[Any] = cast("list[Any]", content) if isinstance(content, list) else [None]
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or not cast("dict[str, Any]", record).get("record"):
            raise AppError(f'app/{FILE}: entry {number} must be an object with a key "record", in a list')
    return records


def _put(dynamodb: DynamoDBClient, table: str, user: str, record: dict[str, Any]) -> bool:
    serialize = TypeSerializer().serialize
    item = {name: serialize(value) for name, value in {**record, "user": user}.items()}
    try:
        dynamodb.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(#record)",
            ExpressionAttributeNames={"#record": "record"},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _user_id(stack: LocalStack, email: str) -> str:
    cognito: CognitoIdentityProviderClient
    with closing(local_client("cognito-idp", stack.endpoint)) as cognito:
        found = cognito.admin_get_user(UserPoolId=stack.user_pool_id, Username=email)["UserAttributes"]
    return next(each.get("Value", "") for each in found if each["Name"] == "sub")
