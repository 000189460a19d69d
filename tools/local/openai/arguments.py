"""Arguments for a function tool, made from its JSON Schema and the words of a question. No I/O.

    make_arguments({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}, "order 17")
    # {"id": 17}

Values come from the question where one fits: its numbers in their order, the words of an `enum`, quoted texts.
Otherwise they are the smallest ones that the schema allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

Schema = Mapping[str, Any]

MAX_DEPTH = 6
OPTIONAL_DEPTH = 2
"""Depth from which properties that need not exist are left out, because a schema may contain itself."""
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "duration": "P1D",
    "email": "ana@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def make_arguments(schema: Any, question: str) -> dict[str, Any]:
    """Return arguments that satisfy `schema`: all required properties, and optional ones that the question names.

    A schema that does not say which are required gets all.
    """
    maker = _Maker(_mapping(schema), question)
    value = maker.value(maker.root, "")
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


class _Maker:
    def __init__(self, root: Schema, question: str) -> None:
        self.root = root
        self._question = question
        self._words = question.lower()
        self._numbers = [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", question)]
        self._quoted: list[str] = [a or b for a, b in re.findall(r'"([^"]+)"|“([^”]+)”', question)]

    def value(self, schema: Any, name: str, depth: int = 0) -> Any:
        """Return a value for one schema; `name` is its property's."""
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("enum"):
            return self._chosen(choices)
        if depth > MAX_DEPTH:
            return None
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                count = max(int(schema.get("minItems", 0)), 1 if schema.get("items") else 0)
                return [self.value(schema.get("items", {}), name, depth + 1) for _ in range(count)]
            case "integer":
                return int(self._number(schema))
            case "number":
                return self._number(schema)
            case "boolean":
                return not re.search(r"\b(no|not|off|false|without)\b", self._words)
            case "null":
                return None
            case _:
                return self._text(schema)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = _mapping(schema.get("properties"))
        required: Any = schema.get("required", properties if depth < OPTIONAL_DEPTH else ())
        made: dict[str, Any] = {}
        for name, each in properties.items():
            if name in required or self._named(self._resolved(each, depth)):
                made[name] = self.value(each, name, depth + 1)
        return made | {name: self._question for name in required if name not in properties}

    def _named(self, schema: Schema) -> bool:
        """Return whether the question has a value for an optional property."""
        if choices := schema.get("enum"):
            return any(str(each).lower() in self._words for each in choices if each)
        return bool(self._numbers) if _type_of(schema) in ("integer", "number") else False

    def _resolved(self, schema: Any, depth: int) -> dict[str, Any]:
        """Follow references, and take the first alternative that is not null."""
        found = dict(_mapping(schema))
        while depth <= MAX_DEPTH:
            if reference := found.pop("$ref", None):
                found = {**self._at(reference), **found}
            elif alternatives := found.pop("anyOf", None) or found.pop("oneOf", None):
                options = [self._resolved(each, depth + 1) for each in alternatives]
                found |= next((each for each in options if _type_of(each) != "null"), options[0] if options else {})
            elif parts := found.pop("allOf", None):
                for each in parts:
                    found |= self._resolved(each, depth + 1)
            else:
                break
        return found

    def _at(self, reference: str) -> Schema:
        found: Any = self.root
        for key in reference.removeprefix("#").strip("/").split("/"):
            found = _mapping(found).get(key.replace("~1", "/").replace("~0", "~"), {})
        return _mapping(found)

    def _chosen(self, choices: Sequence[Any]) -> Any:
        def said(choice: Any) -> bool:
            words = str(choice).lower().replace("_", " ")
            return bool(choice) and (words in self._words or words.rstrip("s") in self._words)

        return next((each for each in choices if said(each)), choices[0])

    def _number(self, schema: Schema) -> float:
        number = self._numbers.pop(0) if self._numbers else float(schema.get("default") or 1)
        step = schema.get("multipleOf")
        whole = _type_of(schema) == "integer"
        if step:
            number = number // step * step
        margin = step or (1 if whole else 0.001)
        low, over = schema.get("minimum"), schema.get("exclusiveMinimum")
        high, under = schema.get("maximum"), schema.get("exclusiveMaximum")
        lowest = low if low is not None else over + margin if over is not None else number
        highest = high if high is not None else under - margin if under is not None else max(number, lowest)
        return min(max(number, lowest), highest)

    def _text(self, schema: Schema) -> str:
        if made := FORMATS.get(str(schema.get("format"))):
            return made
        if isinstance(default := schema.get("default"), str):
            return default
        text = self._quoted.pop(0) if self._quoted else self._question.strip() or "text"
        return text[: schema.get("maxLength", 200)].ljust(schema.get("minLength", 0), ".")


def _type_of(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = cast(list[str], kind)
        kind = next((each for each in kinds if each != "null"), "null")
    return kind or ("object" if "properties" in schema else None)


def _mapping(value: Any) -> Schema:
    return cast(Schema, value) if isinstance(value, Mapping) else {}
