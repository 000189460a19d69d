"""Lambda's event filtering, as far as the template uses it."""

from __future__ import annotations

import pytest

from local.event_filter import matches, matches_any


@pytest.mark.parametrize(
    ("pattern", "record", "wanted"),
    [
        ({"a": ["x"]}, {"a": "x", "b": 1}, True),
        ({"a": ["x"]}, {"a": "y"}, False),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {}, False),
        ({"a": {"b": ["x"]}}, {"a": "x"}, False),
        ({"a": [{"prefix": "TH"}]}, {"a": "THREAD"}, True),
        ({"a": [{"prefix": "TH"}]}, {"a": "ITEM"}, False),
        ({"a": [{"prefix": "TH"}]}, {}, False),
        ({"a": [{"exists": True}]}, {"a": 0}, True),
        ({"a": [{"exists": True}]}, {}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
    ],
)
def test_a_pattern_asks_for_all_its_fields_and_one_of_each_list(
    pattern: dict[str, object], record: dict[str, object], wanted: bool
) -> None:
    assert matches(pattern, record) is wanted


def test_one_matching_pattern_is_enough() -> None:
    assert matches_any([{"a": ["x"]}, {"a": ["y"]}], {"a": "y"})
    assert not matches_any([], {"a": "y"})


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="anything-but"):
        matches({"a": [{"anything-but": ["x"]}]}, {"a": "y"})
