"""Access matrix: a row for each request type and route, from the code's own lists, and a column for each attack.

    row = ROWS["threads.update"]
    row.refused()                                   # 401, with any bad token
    row.foreign(("params", "thread_id"))            # 404, with another user's id there

`python -m tests.security.matrix` writes the table of docs/operate/security.md; a test compares it.

A row is a recorded request (`tools/fuzz/requests`). With a bad token the response is 401, unless the route is public.
Each id of the request is replaced in turn by another user's and by a deleted one. Free-form data, unknown fields, the
URL and the headers are filled with another user's ids, which must have no effect. The actions of an approval's card
have rows of their own, because their payload has ids.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Route

from tools import ROOT
from tools.fuzz.recorded import Recorded, recorded

DOCUMENT = ROOT / "docs" / "operate" / "security.md"
BEGIN, END = "<!-- python -m tests.security.matrix -->\n", "<!-- end of the matrix -->\n"

PUBLIC = {("GET", "/chatkit"), ("GET", "/chatkit/attachments")}
PROTOCOL = ("POST", "/chatkit")
OWN_STATUS = {"POST_chatkit_turns_turn_cancel": 202, "POST_chatkit_sign-out": 202, "POST_chatkit_reports": 202}
"""The status for the request's own user, if it is not 200."""

ID_FIELDS = {
    "thread_id": "thread",
    "item_id": "item",
    "item_ids": "item",
    "attachment_id": "file",
    "attachments": "file",
    "after": "item",
    "turn": "turn",
    "call": "call",
    "file": "file",
    "allowance": "allowance",
    "payload.id": "approval",
    "payload.digest": "digest",
}
"""Fields with ids, and the kind of each id; a test finds fields of ChatKit's models that are missing here."""
IN_PATH = {
    "~own.turn~": ("turn", "{turn_id}"),
    "~own.tool_turn~": ("turn", "{turn_id}"),
    "~own.call~": ("call", "{call_id}"),
    "~own.sent_file~": ("file", "{attachment_id}"),
    "~own.allowance~": ("allowance", "{allowance_id}"),
}
"""The ids in paths: the field of each in the table, and its parameter in the route."""
IDEMPOTENT = {
    ("threads.delete", "thread_id"),
    ("attachments.delete", "attachment_id"),
    ("items.list", "thread_id"),
    ("POST_chatkit_turns_turn_cancel", "turn"),
    ("POST_chatkit_allowances_allowance_revoke", "allowance"),
}
"""The response for an id that never existed: a deletion and a stop have no effect, a page is empty."""
NOTICED = ("payload.id", "payload.digest")
"""Fields whose unknown ids end a turn with a notice that nothing was done."""

OTHERS = {
    "thread": "~other.thread~",
    "item": "~other.answer~",
    "file": "~other.sent_file~",
    "turn": "~other.turn~",
    "call": "~other.call~",
    "allowance": "~other.allowance~",
    "approval": "~other.asked~",
    "digest": "~other.asked_digest~",
}
DELETED = {"thread": "~own.gone_thread~", "item": "~own.gone_item~", "file": "~own.gone_file~"}
UNKNOWN = {
    "thread": "thr_18eb000000000000000000000000000000ff",
    "item": "msg_18eb000000000000000000000000000000ff",
    "file": "atc_01a200000000000000000000000000ff",
    "turn": "turn_000000000000000000000000000000ff",
    "call": "tc_18eb000000000000000000000000000000ff",
    "allowance": "apr_18eb000000000000000000000000000000ff",
    "approval": "apr_18eb000000000000000000000000000000ff",
    "digest": "0" * 64,
}
NESTED = {name: f"~other.{name}~" for name in ("thread", "answer", "file", "turn")} | {"user_id": "bob", "sub": "bob"}

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Row:
    """One request type, or one other route."""

    request: Recorded

    @property
    def name(self) -> str:
        """The row's title in the table: the type, or the method and the route."""
        return self.request.name if self.type else " ".join(self.route)

    @property
    def type(self) -> str:
        """The type of a ChatKit request; empty for any other route."""
        return str(self.request.body["type"]) if self.route == PROTOCOL else ""

    @property
    def route(self) -> tuple[str, str]:
        path = self.request.target.partition("?")[0]
        for id_, (_, parameter) in IN_PATH.items():
            path = path.replace(id_, parameter)
        return self.request.method, path

    @property
    def public(self) -> bool:
        return self.route in PUBLIC

    @property
    def own(self) -> int:
        return OWN_STATUS.get(self.request.name, 200)

    def refused(self) -> int:
        """Return the status with any bad token."""
        return self.own if self.public else 401

    def foreign(self, place: Place) -> int:
        """Return the status if the id at `place` is another user's or was deleted."""
        answered = field_of(place) in NOTICED or (self.request.name, field_of(place)) in IDEMPOTENT
        return self.own if answered else 404

    def places(self) -> list[Place]:
        """Return the places of the request's ids; ("turn",) and ("file",) are in the path."""
        in_path: list[Place] = [(field,) for id_, (field, _) in IN_PATH.items() if id_ in self.request.target]
        return in_path + list(_places(self.request.body, ()))

    def kind(self, place: Place) -> str:
        """Return the kind of the id at `place`."""
        pages_of_threads = (self.request.name, field_of(place)) == ("threads.list", "after")
        return "thread" if pages_of_threads else ID_FIELDS[field_of(place)]

    def with_id(self, place: Place, id_: str) -> Recorded:
        """Return the request with another id at `place`."""
        for own, (field, _) in IN_PATH.items():
            if place == (field,) and own in self.request.target:
                return replace(self.request, target=self.request.target.replace(own, id_))
        body = copy.deepcopy(self.request.body)
        inner = body
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = id_
        return replace(self.request, body=body)

    def nested(self) -> Recorded:
        """Return the request with another user's ids wherever they should have no effect."""
        mark = "&" if "?" in self.request.target else "?"
        target = f"{self.request.target}{mark}user_id=bob&sub=bob&thread_id=~other.thread~"
        headers = (*self.request.headers, ("chatkit-user-id", "bob"), ("x-user-id", "bob"), ("cookie", "user=bob"))
        body = copy.deepcopy(self.request.body)
        if body is not None:
            body |= {"metadata": NESTED, **NESTED}
            params = body.setdefault("params", {})
            params |= {name: id_ for name, id_ in NESTED.items() if name not in params}
            _hide(params)
        return replace(self.request, target=target, headers=headers, body=body)


def field_of(place: Place) -> str:
    """Return the name of the field at a place; for one of an action's payload, `payload.` and its name."""
    names = [step for step in place if isinstance(step, str)]
    return ".".join(names[-2:]) if names[-2:-1] == ["payload"] else names[-1]


def _hide(value: dict[str, Any]) -> None:
    for name, inner in value.items():
        if name in ("payload", "result", "data") and isinstance(inner, dict):
            inner |= NESTED
        elif name == "answers":
            inner["other"] = {"values": list(NESTED.values())}
        elif isinstance(inner, dict):
            _hide(inner)


def _places(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if field_of((*place, name)) in ID_FIELDS and isinstance(inner, str):
                yield (*place, name)
            else:
                yield from _places(inner, (*place, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, str) and place and place[-1] in ID_FIELDS:
                yield (*place, index)
            else:
                yield from _places(inner, (*place, index))


ROWS = {row.name: row for row in map(Row, recorded())}


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Return every method and path of an app or a router. Raises TypeError for an unknown kind of route."""
    found: set[tuple[str, str]] = set()
    for route in app.routes:
        if router := getattr(route, "original_router", None):  # FastAPI keeps an included router as one route
            found |= routes_of(router)
        elif isinstance(route, Route | APIRoute):
            found |= {(method, route.path) for method in (route.methods or ()) if method != "HEAD"}
        else:
            raise TypeError(f"{type(route).__name__} is in no row")
    return found


def table() -> str:
    """Return the expected responses as a Markdown table."""
    head = ("request", "its user", "no token, or a bad one", "another's or a deleted id", "another's ids elsewhere")
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in sorted(ROWS.values(), key=lambda row: (not row.type, row.name)):
        places = {field_of(place): row.foreign(place) for place in row.places()}
        foreign = ", ".join(f"`{field}`: {status}" for field, status in places.items()) or "has none"
        refused = f"{row.refused()}, public" if row.public else str(row.refused())
        lines.append(f"| `{row.name}` | {row.own} | {refused} | {foreign} | {row.own}, no effect |")
    return "\n".join(lines) + "\n"


def written() -> str:
    """Return the table in the document."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    DOCUMENT.write_text(before + BEGIN + table() + END + after)
