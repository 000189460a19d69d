"""Plain English in docstrings, comments and documents: the phrases that STYLE.md avoids stay rare."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import ROOT
from tools.prose import LIMITS, PHRASES, Prose, headless_modules, hits, measure, read_prose


@pytest.fixture(scope="module")
def prose() -> list[Prose]:
    return read_prose(ROOT)


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_stays_rare(phrase, prose):
    excerpts = "\n".join(
        f"{hit.path.relative_to(ROOT)}: …{hit.excerpt}…" for hit in hits(prose) if hit.phrase == phrase
    )

    assert measure(prose)[phrase] <= LIMITS[phrase], f"\n{excerpts}"


def test_no_module_docstring_starts_with_a_relative_clause(prose):
    assert [str(path.relative_to(ROOT)) for path in headless_modules(prose)] == []


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("headless what", "# return what is left of the budget"),
        ("headless what", "# What a turn has said"),
        ("is no", "# the answer is no event stream"),
        ("nobody", "# kept by nobody"),
        ("beside", "# figures beside the peers"),
    ],
)
def test_a_phrase_is_found(phrase, text):
    assert [hit.phrase for hit in hits([Prose(Path("x.py"), text)])] == [phrase]


@pytest.mark.parametrize("text", ["# What is a turn?", "# this is no longer true", "# besides, it costs nothing"])
def test_ordinary_english_is_left_alone(text):
    assert hits([Prose(Path("x.py"), text)]) == []


def test_a_docstring_that_starts_with_a_relative_clause_is_found():
    assert headless_modules([Prose(Path("x.py"), "", "What a turn needs.")]) == [Path("x.py")]
