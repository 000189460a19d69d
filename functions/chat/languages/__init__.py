"""Sentences that users read, in their language.

    raise TooLargeError(say("the message has {length} characters, the limit is {limit}: shorten it", length=9, limit=5))
    translate(error.message, "de-AT")                  # "Die Nachricht hat 9 Zeichen, …"
    preferred("fr;q=0.9, de-CH;q=0.8")                 # "de-CH": the first one that has a catalog

Theory. The English sentence stands where it is raised and is the key of the catalog, as with gettext. Code, tests and
logs see English; only the edge that knows the request's language translates, or an assistant, by `Speech`. A language
is one file next to this one, such as `de.toml`; a test compares its entries with the sentences in the code. A missing
entry or language yields English. A value that is one of the catalog's `terms`, such as "a PDF document", is translated,
too, unless it is a `name`, which users choose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, cast

ENGLISH = "en"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FOLDER = Path(__file__).parent
_TAG = re.compile(r"([A-Za-z]{1,8})(-[A-Za-z0-9]{1,8}){0,7}")
_MAX_LANGUAGES = 50
"""Entries of Accept-Language that are read; a browser sends a few."""


class Sentence(str):
    """An English sentence that can be translated: a template with named values, which may be sentences as well."""

    template: str
    values: Mapping[str, object]


def say(template: str, **values: object) -> Sentence:
    """Return the English sentence. The template must be a literal, because a test looks for it in each catalog."""
    sentence = Sentence(template.format(**values))
    sentence.template, sentence.values = template, values
    return sentence


def translate(sentence: object, language: str) -> str:
    """Return the sentence in a language, given as a tag such as "de" or "de-AT"; any other object as its text.

    An exception is translated if it has `template` and `values`, or if its only argument is a sentence.
    """
    if isinstance(sentence, Exception) and not hasattr(sentence, "template") and sentence.args:
        sentence = sentence.args[0]
    template: str | None = getattr(sentence, "template", None)
    values: Mapping[str, object] = getattr(sentence, "values", {})
    if template is None:
        return str(sentence)
    catalog = _catalog(language_of(language))
    entry = catalog["sentences"].get(template, template)
    return entry.format(**{name: _value(name, value, language, catalog["terms"]) for name, value in values.items()})


def localized(data: Any, language: str) -> Any:
    """Return JSON data with all its sentences in a language."""
    if isinstance(data, Mapping):
        return {name: localized(value, language) for name, value in cast("Mapping[str, Any]", data).items()}
    if isinstance(data, list | tuple):
        return [localized(value, language) for value in cast("list[Any]", data)]
    return translate(data, language) if isinstance(data, Sentence) else data


class Speech:
    """The sentences, numbers and dates of one language.

    speech = Speech(turn.context.locale)
    speech("Analyzing {months} months", months=3)      # "3 Monate werden untersucht"
    speech.term("groceries")                           # "Lebensmittel"
    speech.number("1,234.50")                          # "1.234,50"
    speech.date(date(2026, 4, 1))                      # "1. Apr. 2026"
    """

    def __init__(self, locale: str) -> None:
        self.language = language_of(locale)

    def __call__(self, template: str, **values: object) -> str:
        """Return the sentence in this language. The template must be a literal, as for `say`."""
        return translate(say(template, **values), self.language)

    def term(self, english: str) -> str:
        """Return one of the catalog's terms in this language."""
        return _catalog(self.language)["terms"].get(english, english)

    def number(self, english: str) -> str:
        """Return an English number with this language's separators."""
        return "".join(self.term(sign) if sign in ",." else sign for sign in english)

    def date(self, day: date) -> str:
        """Return a date with a short name of its month."""
        month = self.term(_MONTHS[day.month - 1])
        return translate(say("{month} {day}, {year}", month=month, day=day.day, year=day.year), self.language)


def preferred(accept_language: str) -> str:
    """Return the tag of `Accept-Language` that the client prefers among those with a catalog, else its first tag.

    Malformed headers yield English (RFC 9110, 12.5.4).
    """
    wanted = list[tuple[float, str]]()
    for entry in accept_language.split(",")[:_MAX_LANGUAGES]:
        tag, _, weight = (part.strip() for part in entry.partition(";"))
        if _TAG.fullmatch(tag) and (quality := _quality(weight)) > 0:
            wanted.append((quality, tag))
    tags = [tag for _, tag in sorted(wanted, key=lambda each: -each[0])]
    return next((tag for tag in tags if language_of(tag) == _primary(tag)), tags[0] if tags else ENGLISH)


def language_of(tag: str) -> str:
    """Return the language with a catalog that a tag names, else English."""
    primary = _primary(tag)
    return primary if primary in languages() else ENGLISH


@cache
def languages() -> frozenset[str]:
    """Return English and the languages that have a catalog."""
    return frozenset({ENGLISH, *(path.stem for path in _FOLDER.glob("*.toml"))})


@cache
def _catalog(language: str) -> Mapping[str, Mapping[str, str]]:
    if language == ENGLISH:
        return {"sentences": {}, "terms": {}}
    import tomllib  # English needs none

    return tomllib.loads((_FOLDER / f"{language}.toml").read_text())


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def _quality(weight: str) -> float:
    if not weight:
        return 1.0
    found = re.fullmatch(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", weight)
    return float(found[1]) if found else 0.0


def _value(name: str, value: object, language: str, terms: Mapping[str, str]) -> object:
    if hasattr(value, "template"):
        return translate(value, language)
    return terms.get(value, value) if isinstance(value, str) and name != "name" else value
