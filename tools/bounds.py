"""Every field that a client can send, from ChatKit's request types, and the table of their bounds.

`python -m tools.bounds` writes docs/operate/field-bounds.md. A test compares the fields with `chat_api.bounds.FIELDS`,
so a newer ChatKit cannot bring an unbounded one.
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from chatkit.types import ChatKitReq
from pydantic import BaseModel

from chat_api.bounds import FIELDS, HTTP, NOTES
from tools import ROOT

DOCUMENT = ROOT / "docs" / "operate" / "field-bounds.md"
BEGIN, END = "<!-- python -m tools.bounds -->\n", "<!-- end of the bounds -->\n"
CLOSED = (bool, type(None))
"""Types with a fixed set of values; pydantic refuses every other one."""


def fields() -> dict[str, list[str]]:
    """Return the path of each field that needs a bound, with the request types that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for model in get_args(get_args(ChatKitReq)[0]):
        name = str(model.model_fields["type"].default)
        for path in _paths_of_model(model, ""):
            if name not in found[path]:
                found[path].append(name)
    return dict(found)


def _paths_of_model(model: type[BaseModel], prefix: str) -> Iterator[str]:
    model.model_rebuild()
    for name, info in model.model_fields.items():
        yield from _paths(info.annotation, f"{prefix}.{name}" if prefix else name)


def _paths(kind: Any, path: str) -> Iterator[str]:
    """Yield the open fields at and below a path: texts, numbers, lists, objects with free keys, and any JSON."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _paths(arguments[0], path)
    elif origin in (Union, types.UnionType):
        for each in arguments:
            yield from _paths(each, path)
    elif origin is Literal or kind in CLOSED:
        return
    elif origin is list:
        yield path
        yield from _elements(arguments[0], path)
    elif origin is dict and arguments[1] is not Any:
        yield path
        yield from _paths(arguments[1], path + "{}")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _paths_of_model(kind, path)
    elif kind in (str, int, float, Any) or origin is dict or isinstance(kind, TypeVar):
        yield path
    else:
        raise TypeError(f"{path}: {kind} is a kind of field that this walk does not know")


def _elements(kind: Any, path: str) -> Iterator[str]:
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(inner) in (Union, types.UnionType):
        for each in get_args(inner):
            yield from _paths(each, f"{path}[{_tag(each)}]")
    else:
        yield from _paths(inner, f"{path}[]")


def _tag(model: type[BaseModel]) -> str:
    """Return the value of `type` that selects a member of a union."""
    return str(model.model_fields["type"].default)


def table() -> str:
    """Return both tables in Markdown."""
    lines = ["| field | bound | requests |", "|---|---|---|"]
    everywhere = len(get_args(get_args(ChatKitReq)[0]))
    found = fields()
    for path in FIELDS:
        below = (requests for field, requests in found.items() if field.startswith(f"{path}."))
        requests = found.get(path) or sorted({each for names in below for each in names})
        named = "all" if len(requests) == everywhere else ", ".join(f"`{each}`" for each in requests)
        note = f"; {NOTES[path]}" if path in NOTES else ""
        lines.append(f"| `{path}` | {FIELDS[path].describe()}{note} | {named} |")
    lines += ["", "| part of HTTP | bound |", "|---|---|"]
    lines += [f"| {name} | {bound.describe()} |" for name, bound in HTTP.items()]
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the page with the current tables in it."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    DOCUMENT.write_text(page())
