"""Recorded requests: one of each ChatKit request type and of each other route, with placeholders for ids.

    for request in recorded(): …        # tools/fuzz/requests/*.json, written by `python -m tools.fuzz.record`

The security matrix has a row for each of them, and the fuzzer mutates them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from chatkit.types import ChatKitReq

from tools.fuzz.belongings import Belongings, fill
from tools.local.function.payload import HttpRequest

FOLDER = Path(__file__).parent / "requests"
SOURCE_IP = "203.0.113.7"
REQUEST_TYPES = {member.model_fields["type"].default for member in get_args(get_args(ChatKitReq)[0])}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Recorded:
    """One request without its token; `body` is JSON, `data` any other body."""

    name: str
    method: str
    target: str
    headers: Headers
    body: Any = None
    data: bytes = b""

    @property
    def content(self) -> bytes:
        return self.data if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()

    def to(self, own: Belongings, other: Belongings, *extra: tuple[str, str]) -> HttpRequest:
        """Return the request with real ids and the `extra` headers."""
        target = fill(self.target.encode(), own, other).decode()
        headers = [(name, fill(value.encode(), own, other).decode()) for name, value in self.headers]
        return HttpRequest(self.method, target, [*headers, *extra], fill(self.content, own, other), SOURCE_IP)

    def save(self) -> None:
        """Write the request's file for `recorded`."""
        fields: dict[str, Any] = {"method": self.method, "target": self.target, "headers": dict(self.headers)}
        if self.body is not None:
            fields["body"] = self.body
        elif self.data:
            fields["data"] = base64.b64encode(self.data).decode()
        path = FOLDER / f"{self.name}.json"
        path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")


def read(path: Path) -> Recorded:
    fields = json.loads(path.read_text())
    data = base64.b64decode(fields.get("data", ""))
    headers = tuple(fields["headers"].items())
    return Recorded(path.stem, fields["method"], fields["target"], headers, fields.get("body"), data)


def harmless() -> list[Recorded]:
    """Return the recorded requests without the one that ends all of the user's sessions, and with them the fuzzing."""
    return [request for request in recorded() if request.target != "/chatkit/sign-out"]


def recorded() -> list[Recorded]:
    """Return all recorded requests by name."""
    return [read(path) for path in sorted(FOLDER.glob("*.json"))]
