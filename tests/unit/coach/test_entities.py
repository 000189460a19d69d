"""Entities to mention: found by letters of their titles, resolved by their ids."""

from __future__ import annotations

import pytest

from coach.accounts import ACCOUNTS, CATEGORIES
from coach.entities import entities, resolve


@pytest.mark.parametrize(
    ("typed", "titles"),
    [("cas", ["Cash"]), (" ING ", ["Savings", "Investing", "Dining", "Shopping"]), ("zebra", []), ("RENT", ["Rent"])],
)
def test_found_by_any_letters_of_the_title(typed: str, titles: list[str]) -> None:
    assert [entity["title"] for entity in entities(typed, "en")] == titles


def test_nothing_typed_shows_everything() -> None:
    assert len(entities("", "en")) == len(ACCOUNTS) + len(CATEGORIES)


def test_each_is_resolved_and_nothing_else() -> None:
    assert all(resolve(entity["id"]) == entity.get("data") for entity in entities("", "en"))
    assert resolve("account:bob") is None
