"""Erase the coach's records of one user. `store_dynamo.account erase` erases conversations and files.

    python -m coach.erase --table <AssistantTable> --user <sub>

The command can be interrupted and repeated. IAM: dynamodb:Query and BatchWriteItem on the table.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def erase(table: Table, user_id: str) -> int:
    """Delete every record of the user and return their number. Raises botocore's errors."""
    found: Any = {"LastEvaluatedKey": None}
    erased = 0
    with table.batch_writer() as batch:  # resends unprocessed items
        while "LastEvaluatedKey" in found:
            start = {"ExclusiveStartKey": found["LastEvaluatedKey"]} if found["LastEvaluatedKey"] else {}
            found = table.query(
                KeyConditionExpression="#user = :user",
                ProjectionExpression="#user, #record",
                ExpressionAttributeNames={"#user": "user", "#record": "record"},
                ExpressionAttributeValues={":user": user_id},
                ConsistentRead=True,
                **start,
            )
            for key in found["Items"]:
                batch.delete_item(Key=key)
                erased += 1
    return erased


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="coach.erase", description="Erase the coach's records of one user")
    parser.add_argument("--table", required=True)
    parser.add_argument("--user", required=True, help="the `sub` of the user's tokens")
    arguments = parser.parse_args()
    resource: Any = boto3.resource("dynamodb")  # pyright: ignore[reportUnknownMemberType]
    sys.stdout.write(f"{erase(resource.Table(arguments.table), arguments.user)} records erased\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
