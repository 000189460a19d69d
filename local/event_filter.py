"""Lambda's event filtering, as far as template.yaml uses it: which stream records reach the janitor.

    patterns = filter_patterns(read_template(), "JanitorFunction")
    wanted = [record for record in records if matches_any(patterns, record)]

On AWS the event source mapping filters before it invokes; the local poller must do the same, or it would show the
function records that it never sees when deployed. A pattern is an object of the record's shape whose leaves are lists:
a value matches when any entry of the list does. Entries: a literal, {"prefix": text}, {"exists": bool}.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from local.template import Template

Pattern = Mapping[str, Any]


def filter_patterns(template: Template, function: str) -> list[Pattern]:
    """Return the patterns of the only event of `function`."""
    (event,) = template["Resources"][function]["Properties"]["Events"].values()
    return [json.loads(each["Pattern"]) for each in event["Properties"]["FilterCriteria"]["Filters"]]


def matches_any(patterns: Sequence[Pattern], record: Mapping[str, Any]) -> bool:
    """Return whether at least one pattern matches, as Lambda combines them."""
    return any(matches(pattern, record) for pattern in patterns)


def matches(pattern: Pattern, record: Mapping[str, Any]) -> bool:
    """Return whether `record` has everything that `pattern` asks for.

    Raises ValueError for a rule that this module does not know.
    """
    for name, wanted in pattern.items():
        found = record.get(name)
        if isinstance(wanted, Mapping):
            inside = cast(Pattern, found if isinstance(found, Mapping) else {})
            if not matches(cast(Pattern, wanted), inside):
                return False
        elif not any(_accepts(rule, found) for rule in wanted):
            return False
    return True


def _accepts(rule: Any, value: Any) -> bool:
    if not isinstance(rule, Mapping):
        return value == rule
    match dict(cast("Mapping[str, Any]", rule)):
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case {"exists": bool(wanted)}:
            return (value is not None) is wanted
        case unknown:
            raise ValueError(f"unknown filter rule {unknown}")
