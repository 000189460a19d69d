"""Bounds of everything that a client sends, checked before the first expensive step.

    document = pydantic_core.from_json(body)
    check_document(document)                            # TooLargeError or InvalidRequestError, names field and bound
    check_value("query q", request.query_params["q"])   # the same for a part of HTTP

Theory. Parsing JSON is linear and cheap, almost everything after it is not: pydantic writes an error per faulty
element, a name is normalized, an id becomes a key, text becomes model input. So the parsed document is compared with
FIELDS first. `docs/operate/field-bounds.md` is generated from the two tables, and a test walks ChatKit's request types:
a field without a bound fails it. Fields that ChatKit does not know are never read.

A path names a field: `[]` is each element of a list, `[input_tag]` each element with this `type`, `{}` each value of an
object. Fields with a fixed set of values (`type`, `order`, flags) need no entry; pydantic refuses everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from attachments_s3 import names
from chat_api.errors import InvalidRequestError, TooLargeError
from languages import say
from store_dynamo.serialization import MAX_TITLE_CHARS

Value = TypeVar("Value")
MAX_TYPE_CHARS = 50
FIRST_WORDS_CHARS = 50


class Bound(Protocol):
    """The largest value that a field may have."""

    def fault(self, value: Any) -> str | None:
        """Describe how a value exceeds the bound; None if it does not, or has a wrong type, which pydantic refuses."""
        ...

    def describe(self) -> str:
        """Return the bound in words, for the documentation."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most this many characters."""

    characters: int

    def fault(self, value: Any) -> str | None:
        if not isinstance(value, str) or len(value) <= self.characters:
            return None
        return say("has {count} characters, the limit is {limit}: shorten it", count=len(value), limit=self.characters)

    def describe(self) -> str:
        return f"{self.characters:,} characters"


@dataclass(frozen=True, slots=True)
class Number:
    """An integer from `minimum` to `maximum`."""

    minimum: int
    maximum: int

    def fault(self, value: Any) -> str | None:
        if not isinstance(value, int | float) or self.minimum <= value <= self.maximum:
            return None
        return say("must be from {minimum} to {maximum}", minimum=self.minimum, maximum=self.maximum)

    def describe(self) -> str:
        return f"{self.minimum:,} to {self.maximum:,}"


@dataclass(frozen=True, slots=True)
class Items:
    """A list or an object of at most this many elements; an object's keys are bounded too."""

    count: int
    key_characters: int = 200

    def fault(self, value: Any) -> str | None:
        if not isinstance(value, list | dict):
            return None
        if (found := len(cast("list[Any]", value))) > self.count:
            return say("has {count} elements, the limit is {limit}: send fewer", count=found, limit=self.count)
        if isinstance(value, dict):
            longest = max(map(len, cast("dict[str, Any]", value)), default=0)
            if longest > self.key_characters:
                return say(
                    "has a key of {count} characters, the limit is {limit}: shorten it",
                    count=longest,
                    limit=self.key_characters,
                )
        return None

    def describe(self) -> str:
        return f"{self.count:,} elements, keys of {self.key_characters:,} characters"


@dataclass(frozen=True, slots=True)
class Json:
    """Any JSON, bounded by the characters of its texts and keys, the number of its values, and its depth."""

    characters: int
    values: int
    depth: int

    def fault(self, value: Any) -> str | None:
        """Count until a limit is reached, so the cost does not depend on the size of the value."""
        characters = values = 0
        stack: list[tuple[Any, int]] = [(value, 1)]
        while stack:
            current, depth = stack.pop()
            values += 1
            if isinstance(current, str):
                characters += len(current)
            elif isinstance(current, int):
                characters += current.bit_length() // 3
            elif isinstance(current, dict | list):
                inner = cast("dict[str, Any] | list[Any]", current)
                if values + len(stack) + len(inner) > self.values:
                    return say("has more than {limit} values: send fewer", limit=self.values)
                if depth == self.depth and inner:
                    return say("is nested deeper than {limit} levels: flatten it", limit=self.depth)
                if isinstance(inner, dict):
                    characters += sum(map(len, inner))
                stack.extend((each, depth + 1) for each in (inner.values() if isinstance(inner, dict) else inner))
            if characters > self.characters:
                return say("has more than {limit} characters: shorten it", limit=self.characters)
        return None

    def describe(self) -> str:
        return f"{self.characters:,} characters, {self.values:,} values, {self.depth} levels"


ID = Text(512)
CHOICE = Text(200)
LABEL = Text(200)
REASON = Text(1_000)

FIELDS: Mapping[str, Bound] = {
    "metadata": Json(120_000, 5_000, 12),
    "params.thread_id": ID,
    "params.item_id": ID,
    "params.attachment_id": ID,
    "params.after": ID,
    "params.item_ids": Items(100),
    "params.item_ids[]": ID,
    "params.limit": Number(0, 10_000),
    "params.title": Text(1_000),
    "params.name": Text(names.MAX_RAW_CHARS),
    "params.size": Number(-(2**53), 2**53),
    "params.mime_type": Text(255),
    "params.audio_base64": Text(3_333_336),
    "params.result": Json(100_000, 10_000, 50),
    "params.action.type": CHOICE,
    "params.action.payload": Json(20_000, 1_000, 20),
    "params.input": Json(120_000, 5_000, 12),
    "params.input.content": Items(200),
    "params.input.content[input_text].text": Text(100_000),
    "params.input.content[input_tag].id": ID,
    "params.input.content[input_tag].text": LABEL,
    "params.input.content[input_tag].group": LABEL,
    "params.input.content[input_tag].data": Json(2_000, 50, 5),
    "params.input.attachments": Items(50),
    "params.input.attachments[]": ID,
    "params.input.quoted_text": Text(100_000),
    "params.input.inference_options.model": CHOICE,
    "params.input.inference_options.tool_choice.id": CHOICE,
    "params.input.answers": Items(50),
    "params.input.answers{}.values": Items(50),
    "params.input.answers{}.values[]": Text(10_000),
}
"""The bound of each field of ChatKit's requests, by path."""

NOTES: Mapping[str, str] = {
    "metadata": "`content`, a retry's new text of its message, has the bounds of `params.input.content`; "
    f"`reason`, of a rating, has at most {REASON.characters:,} characters",
    "params.limit": "one answer holds at most 500 entries",
    "params.action.payload": f"`reason`, of a denial (`approval.deny`), has at most {REASON.characters:,} characters, "
    "and is stored as one line without invisible ones",
    "params.title": f"stored without invisible characters, cut to {MAX_TITLE_CHARS}",
    "params.name": f"after cleaning {names.MAX_NAME_CHARS}",
    "params.size": "the attachment policy then applies (`GET /chatkit/attachments`)",
    "params.audio_base64": "2,500,000 bytes of audio",
    "params.input": "the whole message, mentions and their data included; its text has at most 100,000",
    "params.input.attachments": "the attachment policy then applies",
}

HTTP: Mapping[str, Bound] = {
    "body": Number(0, 4 * 1024 * 1024),
    "body of a change or report": Json(2_000, 50, 5),
    "path allowance_id": Text(512),
    "path attachment_id": Text(512),
    "path call_id": Text(512),
    "path turn_id": Text(64),
    "query string": Text(4_000),
    "query q": Text(200),
    "query after": Text(1_500),
    "header x-turn-id": Text(64),
    "header accept-language": Text(1_000),
    "header content-type": Text(1_000),
    "header x-forwarded-for": Text(1_000),
    "form file name": Text(names.MAX_RAW_CHARS),
    "form file type": Text(255),
}
"""The bound of each other part of a request that the app reads; the access token has its own (`identity`)."""


@dataclass(slots=True)
class _Place:
    """A place in a document: its bound and the places in it."""

    bound: Bound | None = None
    inner: dict[str, _Place] = field(default_factory=dict[str, "_Place"])

    @classmethod
    def tree(cls, fields: Mapping[str, Bound]) -> _Place:
        root = cls()
        for path, bound in fields.items():
            place = root
            for step in path.replace("[", ".[").replace("{", ".{").split("."):
                place = place.inner.setdefault(step, cls())
            place.bound = bound
        return root

    def check(self, value: Any, path: str) -> None:
        """Check a value and everything in it; a total comes last, so that the error names the field at fault."""
        total = isinstance(self.bound, Json)
        if not total:
            self._check_bound(value, path)
        self._check_inner(value, path)
        if total:
            self._check_bound(value, path)

    def _check_bound(self, value: Any, path: str) -> None:
        if self.bound and (fault := self.bound.fault(value)):
            kind = InvalidRequestError if isinstance(self.bound, Number) else TooLargeError
            raise kind(say("{name} {fault}", name=path, fault=fault))

    def _check_inner(self, value: Any, path: str) -> None:
        if not self.inner:
            return
        if isinstance(value, list):
            for element in cast("list[Any]", value):
                step = f"[{_type_of(element)}]"
                if place := self.inner.get(step) or self.inner.get("[]"):
                    place.check(element, path + step if step in self.inner else f"{path}[]")
        elif isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            if every := self.inner.get("{}"):
                for element in fields.values():
                    every.check(element, path + "{}")
            for name in self.inner.keys() & fields.keys():
                self.inner[name].check(fields[name], f"{path}.{name}" if path else name)


def _type_of(element: Any) -> str:
    kind = cast("dict[str, Any]", element).get("type") if isinstance(element, dict) else None
    return kind if isinstance(kind, str) and len(kind) <= MAX_TYPE_CHARS else ""


_DOCUMENT = _Place.tree(FIELDS)


def check_document(document: object) -> None:
    """Compare a parsed request with FIELDS. Raises TooLargeError or InvalidRequestError."""
    _DOCUMENT.check(document, "")


def check_value(name: str, value: Value) -> Value:
    """Return a part of HTTP unchanged. Raises TooLargeError if it exceeds its bound in HTTP."""
    if fault := HTTP[name].fault(value):
        raise TooLargeError(say("{name} {fault}", name=name, fault=fault))
    return value


def clean_title(title: str | None) -> str | None:
    """Return a title as one line without invisible characters, cut to its stored length; None if nothing remains."""
    return names.visible(title or "")[:MAX_TITLE_CHARS].rstrip() or None


def first_words(message: str) -> str | None:
    """Return the beginning of a message as a title: whole words, at most FIRST_WORDS_CHARS characters."""
    said = clean_title(message)
    if said is None or len(said) <= FIRST_WORDS_CHARS:
        return said
    cut = said[:FIRST_WORDS_CHARS]
    return f"{cut.rpartition(' ')[0] or cut[:-1]}…"
