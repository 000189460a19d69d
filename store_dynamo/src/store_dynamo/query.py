"""A search query, and the places where a text matches it. Pure functions.

    query = SearchQuery.parse('lisbon "city tax"')       # InvalidQueryError
    query.find("City tax in Lisbon")                     # [(0, 8), (12, 18)]
    snippet("…", query.find("…"))                        # ["see ", "Lisbon", " in spring"]: every second part matched

A text matches if it contains every word and every quoted phrase, in any order. Case, accents and widths do not matter
("strasse" finds "Straße", "cafe" finds "CAFÉ"); a word also matches inside a longer one, because many languages write
words together. White space in a phrase matches any white space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

MAX_QUERY_CHARS = 200
MAX_TERMS = 10
MIN_TERM_CHARS = 2
SNIPPET_CHARS = 160
BEFORE_MATCH_CHARS = 40

_TERM = re.compile(r'"([^"]*)"|(\S+)')


class InvalidQueryError(ValueError):
    """The query is empty, too short, too long, or consists of punctuation. The message says what to change.

    It is `template` with `values`, so that an application can show it in another language.
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template, self.values = template, values
        super().__init__(template.format(**values))


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The folded words and phrases of a query."""

    terms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> SearchQuery:
        """Return the query. Raises InvalidQueryError."""
        if len(text) > MAX_QUERY_CHARS:
            raise InvalidQueryError(
                "has {count} characters, the limit is {limit}: shorten it", count=len(text), limit=MAX_QUERY_CHARS
            )
        found = [" ".join(fold(phrase or word).split()) for phrase, word in _TERM.findall(text)]
        terms = tuple(dict.fromkeys(term for term in found if any(map(str.isalnum, term))))
        if not terms:
            raise InvalidQueryError("contains no word: enter a word of at least two letters")
        if max(map(len, terms)) < MIN_TERM_CHARS and all(term.isascii() for term in terms):
            raise InvalidQueryError("is one letter: enter a word of at least two letters")
        if len(terms) > MAX_TERMS:
            raise InvalidQueryError(
                "has {count} words, the limit is {limit}: use fewer", count=len(terms), limit=MAX_TERMS
            )
        return cls(terms)

    def may_match(self, raw: str) -> bool:
        """Return False if JSON text cannot contain all terms: a fast test before it is parsed."""
        folded = fold(raw)
        return all(term in folded for term in self.terms if term.isalnum())

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return the non-overlapping matches as (start, end) in `text`, in order; empty unless every term matches."""
        folded, origins = fold_with_origins(text)
        places: list[tuple[int, int]] = []
        for term in self.terms:
            pattern = r"\s+".join(map(re.escape, term.split()))
            matches = [match.span() for match in re.finditer(pattern, folded)]
            if not matches:
                return []
            places += matches
        return _joined([(origins[start], origins[end - 1] + 1) for start, end in places])


@cache
def _marks() -> re.Pattern[str]:
    """Return a pattern of runs of combining marks; made for the first search, because it looks at each character."""
    return re.compile(f"[{''.join(each for each in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(each))}]+")


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms, in time proportional to its length.

    Marks go before the normalization, which sorts runs of them in quadratic time, and again after it, which splits
    composed characters.
    """
    if text.isascii():
        return text.lower()
    marks = _marks()
    return marks.sub("", unicodedata.normalize("NFKD", marks.sub("", text))).casefold()


def fold_with_origins(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, the place in `text` that it comes from."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    parts: list[str] = []
    origins: list[int] = []
    for place, character in enumerate(text):
        folded = character.lower() if character.isascii() else fold(character)
        parts.append(folded)
        origins += [place] * len(folded)
    return "".join(parts), origins


def snippet(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """Return about SNIPPET_CHARS around the first match as parts, of which every second one is a match.

    White space is one space. "…" marks a cut. Without a match, the beginning of the text is the only part.
    """
    first = places[0][0] if places else 0
    start = max(0, first - BEFORE_MATCH_CHARS)
    if start:
        start = text.find(" ", start, first) + 1 or start  # begin with a whole word
    end = min(len(text), start + SNIPPET_CHARS)
    parts: list[str] = []
    at = start
    for left, right in places:
        if left >= end:
            break
        parts += [text[at:left], text[left : min(right, end)]]
        at = min(right, end)
    parts.append(text[at:end])
    parts = [" ".join(f"|{part}|".split())[1:-1] for part in parts]
    if start:
        parts[0] = f"…{parts[0]}"
    if end < len(text):
        parts[-1] = f"{parts[-1]}…"
    return parts


def _joined(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
