"""A log of all requests of boto3 clients, each with the user on whose behalf it was made.

    log = RequestLog(client, s3_client)
    store = DynamoStore(user_of=log.user_of, …)
    …
    log.strangers()        # requests with a key of another user: []

The user of a request is the one that `user_of` last returned in the same asyncio task, its threads and child tasks.
A user's keys have the pattern that an IAM policy would use with `dynamodb:LeadingKeys`: `USER#{user}`, `USER#{user}#*`
and `AUDIT#{user}`. A user's objects have the user as the second part of their key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from store_dynamo.keys import LEASES

USER: ContextVar[str] = ContextVar("user", default="")


@dataclass(frozen=True)
class Request:
    user: str
    service: str
    operation: str
    parameters: dict[str, Any]
    answer: dict[str, Any]


class RequestLog:
    def __init__(self, *clients: Any) -> None:
        self.requests: list[Request] = []
        self._clients = clients
        for client in clients:
            client.meta.events.register("provide-client-params.*.*", self._begin)
            client.meta.events.register("after-call.*.*", self._end)

    def close(self) -> None:
        """Stop recording."""
        for client in self._clients:
            client.meta.events.unregister("provide-client-params.*.*", self._begin)
            client.meta.events.unregister("after-call.*.*", self._end)

    def user_of(self, context: Any) -> str:
        USER.set(context.user_id)
        return context.user_id

    def _begin(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["request"] = (USER.get(), model.service_model.service_name, model.name, params)

    def _end(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        user, service, operation, params = context["request"]
        self.requests.append(Request(user, service, operation, params, parsed))

    def strangers(self) -> list[tuple[str, str, str]]:
        """Return (user, operation, key) of every request with a key of another user."""
        return [
            (request.user, request.operation, key)
            for request in self.requests
            for key in (partitions(request) if request.service == "dynamodb" else objects(request))
            if not belongs(request, key)
        ]


def escaped(user: str) -> str:
    return re.sub(rb"[^A-Za-z0-9_-]", lambda match: b".%02x" % match[0][0], user.encode()).decode()


def belongs(request: Request, key: str) -> bool:
    if key == LEASES:  # contains nothing of a user
        return True
    user = escaped(request.user)
    if request.service == "s3":
        return re.match(rf"[a-z]+/{re.escape(user)}/", key) is not None
    return key in (f"USER#{user}", f"AUDIT#{user}") or key.startswith(f"USER#{user}#")


def partitions(request: Request) -> Iterator[str]:
    """Yield the partition keys that a DynamoDB request addresses; `*` stands for all."""
    parameters = request.parameters
    match request.operation:
        case "GetItem" | "UpdateItem" | "DeleteItem":
            yield parameters["Key"]["pk"]["S"]
        case "PutItem":
            yield parameters["Item"]["pk"]["S"]
        case "Query":
            name = re.search(r"\bpk = (:\w+)", parameters["KeyConditionExpression"])
            yield parameters["ExpressionAttributeValues"][name[1]]["S"] if name else "*"
        case "TransactWriteItems":
            for action in parameters["TransactItems"]:
                for each in action.values():
                    yield (each.get("Key") or each["Item"])["pk"]["S"]
        case "BatchGetItem":
            for each in parameters["RequestItems"].values():
                yield from (key["pk"]["S"] for key in each["Keys"])
        case "BatchWriteItem":
            for requests in parameters["RequestItems"].values():
                yield from (each["DeleteRequest"]["Key"]["pk"]["S"] for each in requests)
        case _:
            yield "*"


def objects(request: Request) -> Iterator[str]:
    """Yield the object keys or prefixes that an S3 request addresses; `*` stands for all."""
    match request.operation:
        case "DeleteObjects":
            yield from (each["Key"] for each in request.parameters["Delete"]["Objects"])
        case "ListObjectsV2":
            yield request.parameters.get("Prefix", "*")
        case _:
            yield request.parameters.get("Key", "*")
