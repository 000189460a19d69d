"""Mutations of a recorded request: functions by name, driven by a seed.

draft = Draft.of(recorded)
MUTATIONS["replace a value"](draft, Random("1-17-0"))
draft.request()                                             # a Recorded again, with placeholders
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from tools.fuzz import values
from tools.fuzz.recorded import Recorded

RAW = re.compile(rb'"\\u0001raw:(.*?)\\u0001"')
MAX_NODES = 400
MULTIPART = (
    (b"form-data", b"attachment"),
    (b'name="file"', b""),
    (b'name="file"', b'name="other"'),
    (b"; filename=", b"; filename*=utf-8''%ff; filename="),
    (b'filename="receipt.png"', b""),
    (b'filename="receipt.png"', b'filename="' + b"n" * 3000 + b'.png"'),
    (b'filename="receipt.png"', b'filename="../../x\x00.png"'),
    (b'filename="receipt.png"', b'filename="\xff\xfe.png"'),
    (b"content-type: image/png", b"content-type: \xff"),
    (b"content-type: image/png", b"content-type: text/html"),
    (b"\r\n\r\n", b"\n\n"),
    (b"\r\n", b"\n"),
    (b"--\r\n", b""),
    (b"----file", b"----fil"),
    (b"content-disposition", b"x" * 9000),
    (b"\x89PNG", b"%PDF"),
    (b"\x89PNG", b"GIF89a" + b"\xff" * 20),
)


@dataclass
class Draft:
    """A mutable request; `json` is None once its bytes have been changed."""

    name: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    json: Any
    data: bytes
    ascii: bool = True

    @classmethod
    def of(cls, request: Recorded) -> Draft:
        body = deepcopy(request.body)
        return cls(request.name, request.method, request.target, [*request.headers], body, request.data)

    @property
    def fields(self) -> dict[str, Any] | None:
        """The JSON body if it is an object."""
        body = self.json
        return cast("dict[str, Any]", body) if type(body) is dict else None

    def request(self) -> Recorded:
        return Recorded(self.name, self.method, self.target, tuple(self.headers), None, self.content())

    def content(self) -> bytes:
        if self.json is None:
            return self.data
        text = json.dumps(self.json, ensure_ascii=self.ascii).encode("utf-8", "surrogatepass")
        return RAW.sub(rb"\1", text)

    def bytes_now(self) -> bytes:
        """Convert the body to bytes for mutations below JSON."""
        self.data, self.json = self.content(), None
        return self.data

    def header(self, name: str, value: str) -> None:
        self.headers = [pair for pair in self.headers if pair[0] != name] + [(name, value)]


Mutation = Callable[[Draft, Random], None]
Node = tuple[Any, Any]
"""A container and a key or index in it."""


def _nodes(value: Any) -> Iterator[Node]:
    stack: list[Any] = [value]
    for _ in range(MAX_NODES):
        if not stack:
            return
        container = stack.pop()
        keys: Iterable[Any] = (
            list(cast("dict[str, Any]", container)) if isinstance(container, dict) else range(len(container))
        )
        for key in keys:
            yield container, key
            if isinstance(container[key], dict | list):
                stack.append(container[key])


def _pick(draft: Draft, rng: Random, kind: type | tuple[type, ...] = object) -> Node | None:
    """Return a random place in the JSON with a value of type `kind`, or None if there is none."""
    if type(draft.json) not in (dict, list):
        return None
    nodes = [(container, key) for container, key in _nodes(draft.json) if isinstance(container[key], kind)]
    return rng.choice(nodes) if nodes else None


def replace_value(draft: Draft, rng: Random) -> None:
    if node := _pick(draft, rng):
        node[0][node[1]] = values.value(rng)


def replace_string(draft: Draft, rng: Random) -> None:
    if node := _pick(draft, rng, str):
        node[0][node[1]] = values.string(rng)


def replace_id(draft: Draft, rng: Random) -> None:
    if draft.fields is None:
        return
    nodes = [(at, key) for at, key in _nodes(draft.json) if isinstance(at[key], str) and at[key].startswith("~")]
    if nodes:
        container, key = rng.choice(nodes)
        container[key] = values.identifier(rng)


def insert_text(draft: Draft, rng: Random) -> None:
    if node := _pick(draft, rng, str):
        text = node[0][node[1]]
        at = rng.randint(0, len(text))
        node[0][node[1]] = text[:at] + rng.choice(values.STRINGS) + text[at:]


def remove_value(draft: Draft, rng: Random) -> None:
    if node := _pick(draft, rng):
        del node[0][node[1]]


def add_field(draft: Draft, rng: Random) -> None:
    objects = [draft.fields] if draft.fields is not None else []
    if node := _pick(draft, rng, dict):
        objects.append(node[0][node[1]])
    if objects:
        names = ("thread_id", "item_id", "after", "limit", "metadata", "attachments", "user_id", "order", "input", "")
        rng.choice(objects)[rng.choice(names)] = values.value(rng)


def repeat_element(draft: Draft, rng: Random) -> None:
    node = _pick(draft, rng, list)
    if node and node[0][node[1]]:
        elements = node[0][node[1]]
        elements.extend(
            [rng.choice(elements)] * rng.choice((1, 11, 300))
        )  # without a copy, which fails for deep nesting


def wrap(draft: Draft, rng: Random) -> None:
    if node := _pick(draft, rng):
        inner = node[0][node[1]]
        node[0][node[1]] = rng.choice(([inner], {"value": inner}, str(inner), [inner] * 40))


def other_type(draft: Draft, rng: Random) -> None:
    if draft.fields is not None:
        draft.fields["type"] = rng.choice(values.REQUESTS) if rng.random() < 0.5 else values.value(rng)


def whole_body(draft: Draft, rng: Random) -> None:
    if draft.json is not None:
        draft.json = values.value(rng)


def duplicate_key(draft: Draft, rng: Random) -> None:
    node = _pick(draft, rng)
    if node and isinstance(node[0], dict):
        second = json.dumps(values.value(rng))
        first = json.dumps(node[0][node[1]])
        text = draft.bytes_now()
        pair = f"{json.dumps(node[1])}: {first}".encode()
        draft.data = text.replace(pair, pair + f", {json.dumps(node[1])}: {second}".encode(), 1)


def not_ascii(draft: Draft, rng: Random) -> None:
    draft.ascii = False


def truncate(draft: Draft, rng: Random) -> None:
    data = draft.bytes_now()
    draft.data = data[: rng.randint(0, len(data))]


def flip_bytes(draft: Draft, rng: Random) -> None:
    data = bytearray(draft.bytes_now())
    for _ in range(rng.choice((1, 1, 3, 20))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    draft.data = bytes(data)


def insert_bytes(draft: Draft, rng: Random) -> None:
    data, at = draft.bytes_now(), 0
    at = rng.randint(0, len(data))
    junk = rng.choice((b"\xff", b"\x00", b"\xed\xa0\x80", b"\xc0\xaf", b"}", b'"', b"\r\n", rng.randbytes(50)))
    draft.data = data[:at] + junk + data[at:]


def other_encoding(draft: Draft, rng: Random) -> None:
    data = draft.bytes_now()
    text = data.decode("latin-1")
    draft.data = rng.choice(
        (
            gzip.compress(data, mtime=0),
            zlib.compress(data),
            text.encode("utf-16"),
            b"\xef\xbb\xbf" + data,
            data + data,
            data + b"\x00" * 20,
            b"a=" + data,
            b"",
            b" ",
        )
    )
    if rng.random() < 0.5:
        draft.header("content-encoding", rng.choice(("gzip", "deflate", "br", "x")))


def pad(draft: Draft, rng: Random) -> None:
    """Grow to about the size limit; rare, because it is slow."""
    if rng.random() < 0.05:
        draft.data = draft.bytes_now() + b" " * rng.choice((4_000_000, 4 * 1024 * 1024 + 1, 4_400_000))


def break_form(draft: Draft, rng: Random) -> None:
    old, new = rng.choice(MULTIPART)
    if draft.json is None:
        draft.data = draft.data.replace(old, new, rng.choice((1, -1)))


def repeat_form(draft: Draft, rng: Random) -> None:
    if draft.json is None and b"--" in draft.data:
        draft.data = draft.data.removesuffix(b"--\r\n") + b"\r\n" + draft.data * rng.choice((1, 3, 40))


def content_type(draft: Draft, rng: Random) -> None:
    draft.header("content-type", rng.choice(values.CONTENT_TYPES))


def add_header(draft: Draft, rng: Random) -> None:
    value = rng.choice(values.HEADER_VALUES) if rng.random() < 0.8 else rng.choice(values.IDS)
    draft.headers.append((rng.choice(values.HEADER_NAMES), value))


def repeat_header(draft: Draft, rng: Random) -> None:
    if draft.headers:
        name, value = rng.choice(draft.headers)
        draft.headers += [(name, value)] * rng.choice((1, 1, 50))


def turn_id(draft: Draft, rng: Random) -> None:
    ids = ("~own.turn~", "~other.turn~", "short", "t" * 64, "t" * 65, "turn 12345678", "türn_12345678", "turn#12345678")
    draft.header("x-turn-id", rng.choice(ids))


def method(draft: Draft, rng: Random) -> None:
    draft.method = rng.choice(values.METHODS)


def target(draft: Draft, rng: Random) -> None:
    draft.target = rng.choice(values.TARGETS)


IN_JSON: dict[str, Mutation] = {
    "replace a value": replace_value,
    "replace a string": replace_string,
    "replace an id": replace_id,
    "insert text": insert_text,
    "remove a value": remove_value,
    "add a field": add_field,
    "repeat an element": repeat_element,
    "wrap a value": wrap,
    "another type": other_type,
    "the whole body": whole_body,
    "a key twice": duplicate_key,
    "not ASCII": not_ascii,
}
IN_BYTES: dict[str, Mutation] = {
    "truncate": truncate,
    "flip bytes": flip_bytes,
    "insert bytes": insert_bytes,
    "another encoding": other_encoding,
    "pad": pad,
}
IN_FORM: dict[str, Mutation] = {"break the form": break_form, "repeat the form": repeat_form}
IN_HTTP: dict[str, Mutation] = {
    "content type": content_type,
    "add a header": add_header,
    "repeat a header": repeat_header,
    "turn id": turn_id,
    "method": method,
    "target": target,
}
MUTATIONS = IN_JSON | IN_BYTES | IN_FORM | IN_HTTP


def choose(request: Recorded, rng: Random) -> str:
    """Return the name of a suitable mutation; most change the request's JSON or its form."""
    inner = IN_JSON if request.body is not None else IN_FORM if b"form-data" in request.data else IN_HTTP
    kinds = rng.choices((inner, IN_BYTES, IN_HTTP), (7, 1.5, 1.5))[0]
    return rng.choice(list(kinds))
