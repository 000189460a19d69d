"""The bounds of "Always allow": which later calls of a tool run without a card.

    Terms("transfer", words, always_allow=bounded("source", "target", dollars=at_most))

    bounds = rules.of('{"source":"cash","target":"savings","dollars":200}')     # what the user allows, as JSON
    admits(bounds, '{"source":"cash","target":"savings","dollars":150}')        # True
    admits(bounds, '{"source":"cash","target":"savings","dollars":201}')        # False: this call asks

Theory. A call is admitted only if every argument that it has keeps a rule of its author: the same value, a number from
0 up to the approved one, or, where the author says so, `anything`. An argument without a rule, of an approved call or
of a later one, is never admitted: a tool that gets a new argument asks again. Values are compared as JSON, so `1`,
`1.0`, `true` and `"1"` differ. Nothing here reads or writes; `approval_calls` makes the digest of the tool.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from languages import Speech

logger = logging.getLogger(__name__)

MAX_BOUNDS_CHARS = 2_000


class Rule(Enum):
    """The relation between an argument of a later call and that of the approved one."""

    EQUAL = "equal"
    AT_MOST = "at_most"
    ANYTHING = "anything"


at_most = Rule.AT_MOST
"""A number from 0 up to the one in the approved call."""
anything = Rule.ANYTHING
"""Any value, such as a note's text. It must not change the meaning of the call."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a tool's arguments."""

    named: Mapping[str, Rule]

    def of(self, arguments: str) -> str | None:
        """Return the bounds that a call sets for later ones, as canonical JSON.

        None if an argument has no rule, or if one that bounds the amount is missing or not a number from 0.
        """
        call = _object(arguments)
        if call is None or not call.keys() <= self.named.keys():
            return None
        bounds: dict[str, dict[str, Any]] = {rule.value: {} for rule in Rule}
        for name, rule in self.named.items():
            if rule is Rule.AT_MOST and not _is_amount(call.get(name)):
                return None
            if name in call or rule is Rule.ANYTHING:
                bounds[rule.value][name] = None if rule is Rule.ANYTHING else call[name]
        text = _json(bounds)
        return text if len(text) <= MAX_BOUNDS_CHARS else None

    def spelled(self) -> list[list[str]]:
        """Return the rules as a part of the digest of their tool."""
        return sorted([name, rule.value] for name, rule in self.named.items())


def bounded(*equal: str, **rules: Rule) -> Rules:
    """Return the rules of a tool that can always be allowed: `equal` arguments, and others by `at_most` or `anything`.

    Every argument of the tool needs a rule. Raises ValueError for an argument with two rules.
    """
    if twice := set(equal) & rules.keys():
        raise ValueError(f"arguments with two rules: {', '.join(sorted(twice))}")
    return Rules({**dict.fromkeys(equal, Rule.EQUAL), **rules})


def admits(bounds: str, arguments: str) -> bool:
    """Return whether a call is within bounds that `Rules.of` returned."""
    call, limits = _object(arguments), _object(bounds)
    if call is None or limits is None:
        return False
    equal, most, free = (limits[rule.value] for rule in Rule)
    return (
        call.keys() <= equal.keys() | most.keys() | free.keys()
        and all(name in call and _json(call[name]) == _json(value) for name, value in equal.items())
        and all(_is_amount(call.get(name)) and call[name] <= limit for name, limit in most.items())
    )


def bounds_in_words(tool: str, bounds: str, speech: Speech) -> str:
    """Return the calls within bounds in words, for a tool whose author has none."""
    equal, most, free = (json.loads(bounds)[rule.value] for rule in Rule)
    parts = [f"{name} = {_json(value)}" for name, value in equal.items()]
    parts += [speech("{name} up to {limit}", name=name, limit=_json(limit)) for name, limit in most.items()]
    parts += [speech("any {name}", name=name) for name in free]
    return f"{tool}: {', '.join(parts)}" if parts else tool


def _is_amount(value: object) -> bool:
    """Return whether a value is a number that a limit can bound; a negative one may be the opposite of the call."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
