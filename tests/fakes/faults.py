"""Faults of AWS, injected into a boto3 client at the level of botocore's HTTP requests.

with Faults(client) as faults:
    faults.throttle("PutItem", times=2)      # answered by a throttling error instead of being sent, twice
    faults.lose_answer("PutItem")            # carried out, then the connection breaks
    faults.leave_unprocessed(times=1)        # half of a batch is left unprocessed, once
    faults.hold("PutItem").set()             # sent only after `set`, unless it is throttled
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any, Self

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

HOLD_LIMIT_SECONDS = 60


class Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


class Faults:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._throttled: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._held: dict[str, threading.Event] = {}
        self._unprocessed = 0
        self._kept: dict[str, Any] | None = None
        self.every_first = False
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        events = self._client.meta.events
        events.register("before-send.*.*", self._before_send)
        events.register("provide-client-params.*.*", self._cut)
        events.register("after-call.*.*", self._after_call)
        return self

    def __exit__(self, *_: object) -> None:
        events = self._client.meta.events
        events.unregister("before-send.*.*", self._before_send)
        events.unregister("provide-client-params.*.*", self._cut)
        events.unregister("after-call.*.*", self._after_call)

    def throttle(self, operation: str, times: int = 1) -> None:
        self._throttled[operation] += times

    def lose_answer(self, operation: str, times: int = 1) -> None:
        self._lost[operation] += times

    def hold(self, operation: str) -> threading.Event:
        """Let requests that are not throttled wait in their threads until the event is set, at most a minute."""
        return self._held.setdefault(operation, threading.Event())

    def leave_unprocessed(self, times: int = 1) -> None:
        self._unprocessed += times

    def throttle_every_other(self) -> None:
        """Throttle the first, third, fifth … request of each operation."""
        self.every_first = True

    @property
    def pending(self) -> int:
        """The number of faults that have not happened yet."""
        return sum(self._throttled.values()) + sum(self._lost.values()) + self._unprocessed

    def _before_send(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self._seen[operation] += 1
        every = self.every_first and self._seen[operation] % 2 == 1
        if not every and not self._throttled[operation]:
            if held := self._held.get(operation):
                assert held.wait(HOLD_LIMIT_SECONDS), f"nothing let {operation} go on"
            return None
        self._throttled[operation] -= 0 if every else 1
        if "dynamodb" not in event_name:
            return AWSResponse(request.url, 503, {}, Raw(b"<Error><Code>SlowDown</Code></Error>"))  # type: ignore[arg-type]
        body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}).encode()
        return AWSResponse(request.url, 400, {}, Raw(body))  # type: ignore[arg-type]

    def _cut(self, params: dict[str, Any], event_name: str, **_: Any) -> dict[str, Any] | None:
        """Send only half of a batch to the server."""
        self._kept = None
        if "Batch" not in event_name or not self._unprocessed:
            return None
        ((table, requests),) = params["RequestItems"].items()
        keys = requests["Keys"] if "Get" in event_name else requests
        if len(keys) < 2:
            return None
        self._unprocessed -= 1
        first, rest = keys[: len(keys) // 2], keys[len(keys) // 2 :]
        halves = [requests | {"Keys": half} if "Get" in event_name else half for half in (first, rest)]
        self._kept = {table: halves[1]}
        return params | {"RequestItems": {table: halves[0]}}

    def _after_call(self, parsed: dict[str, Any], event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        if self._kept:
            parsed["UnprocessedKeys" if "Get" in operation else "UnprocessedItems"] = self._kept
            self._kept = None
        if self._lost[operation] and "Error" not in parsed:
            self._lost[operation] -= 1
            raise ReadTimeoutError(endpoint_url="http://lost")
