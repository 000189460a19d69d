"""The stream of a table on moto: the differences between two scans, as the janitor's event source would send them."""

from __future__ import annotations

import base64
import json
from itertools import count
from pathlib import Path
from typing import Any

import janitor
from tests.fakes.dynamo_backend import DynamoBackend
from tools.local.function.stream_poller import matches


class TableStream:
    """Changes of a table since the last call of `new`, filtered by the janitor's filters."""

    def __init__(self, backend: DynamoBackend) -> None:
        self._backend = backend
        self._numbers = count(1)
        self._before: dict[tuple[str, str], Any] = {}
        filters = json.loads((Path(janitor.__file__).parent / "filters.json").read_text())["Filters"]
        self._filters = [each["Pattern"] for each in filters]

    def new(self) -> list[dict[str, Any]]:
        after = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._scan()}
        events: list[dict[str, Any]] = []
        for key in sorted(self._before.keys() | after.keys()):
            old, new = self._before.get(key), after.get(key)
            if old != new:
                events.append(self._event(key, old, new))
        self._before = after
        return [event for event in events if any(matches(event, each) for each in self._filters)]

    def _event(self, key: tuple[str, str], old: Any, new: Any) -> dict[str, Any]:
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        change: dict[str, Any] = {
            "Keys": {"pk": {"S": key[0]}, "sk": {"S": key[1]}},
            "SequenceNumber": f"{next(self._numbers):021}",
        }
        change |= {name: _encoded(image) for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
        return {"eventName": name, "dynamodb": change}

    def _scan(self) -> list[Any]:
        pages = self._backend.client.get_paginator("scan").paginate(TableName=self._backend.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


def _encoded(image: dict[str, Any]) -> dict[str, Any]:
    """Return an image as an event has it: bytes in base64."""
    return {
        name: {kind: base64.b64encode(each).decode() if kind == "B" else each for kind, each in value.items()}
        for name, value in image.items()
    }
