"""Titles: what a model says, made fit for a list."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.titles import MAX_TITLE_CHARACTERS, tidy_title


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Groceries in May", "Groceries in May"),
        ('  "Groceries in May."\n', "Groceries in May"),
        ("“Einkäufe im Mai”", "Einkäufe im Mai"),
        ("Title\nand an explanation", "Title"),
        ("", None),
        (' ".." ', None),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_tidy_title(said: str, title: str | None) -> None:
    assert tidy_title(said) == title


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_titles_are_short_single_lines(said: str) -> None:
    title = tidy_title(said)
    assert title is None or (0 < len(title) <= MAX_TITLE_CHARACTERS and "\n" not in title)
