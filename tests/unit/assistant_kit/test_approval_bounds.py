"""P5: the bounds of "Always allow" admit the calls that the user has allowed, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_kit.approval_bounds import Rule, Rules, admits, anything, at_most, bounded, bounds_in_words
from languages import Speech

RULES = bounded("source", "target", dollars=at_most, note=anything)
CALL = {"source": "cash", "target": "savings", "dollars": 200}

NOT_FINITE = float("nan"), float("inf"), -float("inf")
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=2)
VALUES = SCALARS | st.lists(SCALARS, max_size=2)
CALLS = st.dictionaries(st.sampled_from(["source", "target", "dollars", "note", "other"]), VALUES)


def bounds_of(call: Any, rules: Rules = RULES) -> str | None:
    return rules.of(json.dumps(call))


def is_admitted(change: Any, first: Any = CALL) -> bool:
    bounds = bounds_of(first)
    assert bounds is not None
    return admits(bounds, json.dumps(CALL | change))


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "change",
    [{}, {"dollars": 199.5}, {"dollars": 0}, {"note": "rent"}, {"note": {"any": ["thing"]}}],
)
def test_a_call_within_the_bounds_is_admitted(change: Any) -> None:
    assert is_admitted(change)


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "change",
    [
        {"dollars": value}
        for value in (200.01, -1, True, "200", None, [1], float("nan"), float("inf"), -float("inf"), 10**400)
    ]
    + [{"source": value} for value in ("Cash", "cash ", None, ["cash"], True)]
    + [{"target": "investing"}, {"new": 1}],
)
def test_a_call_outside_the_bounds_asks(change: Any) -> None:
    assert not is_admitted(change)


@pytest.mark.promise("P5")
@pytest.mark.parametrize("missing", list(CALL))
def test_a_call_without_an_argument_of_the_approved_one_asks(missing: str) -> None:
    bounds = bounds_of(CALL)
    assert bounds is not None
    assert not admits(bounds, json.dumps({name: value for name, value in CALL.items() if name != missing}))


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "change", [{"other": 1}, {"dollars": -5}, {"dollars": "5"}, {"dollars": NOT_FINITE[0]}, {"source": "x" * 3000}]
)
def test_a_call_that_cannot_be_bounded_is_not_offered(change: Any) -> None:
    assert bounds_of(CALL | change) is None


def test_a_missing_amount_and_what_is_no_object_are_not_offered() -> None:
    assert bounds_of({"source": "cash", "target": "savings"}) is None
    assert [RULES.of(text) for text in ("[]", "{", "1")] == [None] * 3
    assert not admits("nonsense", "{}")


def test_equal_values_are_equal_as_json() -> None:
    bounds = bounds_of({"flag": True}, bounded("flag"))
    assert bounds is not None
    assert [admits(bounds, text) for text in ('{"flag":true}', '{"flag":1}', '{"flag":"true"}')] == [True, False, False]


def test_an_argument_has_one_rule() -> None:
    with pytest.raises(ValueError, match="two rules: dollars"):
        bounded("dollars", dollars=at_most)


def test_bounds_are_worded_for_an_author_without_words() -> None:
    bounds = bounds_of(CALL | {"note": "x"})
    assert bounds is not None
    english = 'transfer: source = "cash", target = "savings", dollars up to 200, any note'
    assert bounds_in_words("transfer", bounds, Speech("en")) == english
    assert bounds_in_words("look", '{"equal":{},"at_most":{},"anything":{}}', Speech("de")) == "look"


@pytest.mark.promise("P5")
@given(first=CALLS, later=CALLS, rules=st.dictionaries(st.sampled_from([*CALL, "note"]), st.sampled_from(Rule)))
def test_no_call_is_admitted_that_breaks_a_rule(first: Any, later: Any, rules: Any) -> None:
    """Written from the promise, without the code's own comparisons."""
    bounds = bounds_of(first, Rules(rules))
    if bounds is None or not admits(bounds, json.dumps(later)):
        return
    for name in later:
        assert name in rules
    for name, rule in rules.items():
        if rule is Rule.EQUAL:
            assert (name in first, json.dumps(first.get(name))) == (name in later, json.dumps(later.get(name)))
        if rule is Rule.AT_MOST:
            assert all(type(each[name]) in (int, float) for each in (first, later))
            assert 0 <= later[name] <= first[name] < float("inf")


@pytest.mark.promise("P5")
@given(first=CALLS, rules=st.dictionaries(st.sampled_from([*CALL, "note", "other"]), st.sampled_from(Rule)))
def test_the_approved_call_itself_is_within_its_bounds(first: Any, rules: Any) -> None:
    bounds = bounds_of(first, Rules(rules))
    assert bounds is None or admits(bounds, json.dumps(first))
