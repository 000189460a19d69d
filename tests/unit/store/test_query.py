"""Search queries: parsing, folding, places and snippets, with property tests."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_dynamo.query import (
    MAX_QUERY_CHARS,
    SNIPPET_CHARS,
    InvalidQueryError,
    SearchQuery,
    fold,
    fold_with_origins,
    snippet,
)

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"'), max_size=60)


@pytest.mark.promise("F1")
@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("lisbon trip", "A trip to LISBON"),
        ("cafe", "Café"),
        ("CAFÉ", "cafe\u0301"),
        ("strasse", "Straße"),
        ("straße", "STRASSE"),
        ("ﬁle", "File"),
        ("１２", "12"),
        ('"city tax"', "the City\n  tax of Lisbon"),
        ("konto", "Sparkonto"),
        ("里斯", "去里斯本旅行"),
        ("ё", "Ёлка"),
        ("&amp", "R&amp;D"),
        ("c++ x", "c++ and x"),
    ],
)
def test_case_accents_order_and_forms_do_not_matter(query: str, text: str) -> None:
    assert SearchQuery.parse(query).find(text)


@pytest.mark.parametrize(("query", "text"), [("lisbon porto", "Lisbon"), ('"tax city"', "city tax"), ("cat", "c a t")])
def test_every_word_and_phrase_has_to_be_there(query: str, text: str) -> None:
    assert SearchQuery.parse(query).find(text) == []


@pytest.mark.promise("F1")
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "no word"),
        ("   ", "no word"),
        ("a", "one letter"),
        ('?!… — ""', "no word"),
        ("\u0301\u0301", "no word"),
        ("x" * (MAX_QUERY_CHARS + 1), "limit is 200"),
        ("x" * 4096, "limit is 200"),
        (" ".join(f"w{n}" for n in range(11)), "limit is 10"),
    ],
)
def test_bad_queries_say_what_to_change(query: str, why: str) -> None:
    with pytest.raises(InvalidQueryError, match=why):
        SearchQuery.parse(query)


@given(WORDS, WORDS, WORDS)
def test_a_word_is_found_in_every_text_that_contains_it(before: str, word: str, after: str) -> None:
    try:
        query = SearchQuery.parse(f'"{word}"')
    except InvalidQueryError:
        return
    text = f"{before} {word.upper()} {after}"
    places = query.find(text)
    assert places or fold(word.upper()) != fold(word)  # a few characters change more than their case
    for start, end in places:
        assert 0 <= start < end <= len(text)


@given(WORDS)
def test_folding_with_places_is_folding(text: str) -> None:
    folded, origins = fold_with_origins(text)
    assert len(folded) == len(origins)
    assert origins == sorted(origins)
    assert folded == "".join(map(fold, text))


@given(WORDS, st.text("ab \n", min_size=200, max_size=400))
def test_snippets_are_short_parts_of_the_text_in_order(word: str, text: str) -> None:
    try:
        places = SearchQuery.parse("ab").find(text)
    except InvalidQueryError:
        return
    parts = snippet(text, places)
    whole = "".join(parts).removeprefix("…").removesuffix("…")
    assert len(whole) <= SNIPPET_CHARS
    assert " ".join(whole.split()) in " ".join(text.split())
    assert len(parts) % 2 == 1
    assert all(part in ("ab", "aba", "abab") or set(part) <= set("ab") for part in parts[1::2])


def test_a_snippet_shows_the_match_with_words_around_it() -> None:
    text = "word " * 40 + "we pay the city tax in Lisbon, and " + "word " * 40
    parts = snippet(text, SearchQuery.parse("lisbon tax").find(text))

    assert [parts[1], parts[3]] == ["tax", "Lisbon"]
    assert parts[0].startswith("…word")
    assert parts[-1].endswith("…")


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0316\u0301", "\u064b\u0650", "\U0001d167\u0301"])
def test_folding_takes_time_in_proportion_to_the_text(marks: str) -> None:
    """A run of marks is the worst case of normalization, which sorts it in quadratic time."""

    def seconds(count: int) -> float:
        text = "a" + marks * count
        started = time.process_time()
        for _ in range(3):
            fold(text)
        return time.process_time() - started

    assert seconds(40_000) < 30 * seconds(4_000) + 0.2  # quadratic: a hundred times


def test_a_text_of_marks_is_searched_at_once() -> None:
    assert SearchQuery.parse("lisbon").find("Lisbon" + "\u0316\u0301" * 50_000)
