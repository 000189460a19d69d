"""The choice of a language, and the translation of sentences, errors, numbers and dates."""

from __future__ import annotations

from datetime import date

import pytest

from attachments_s3.errors import ContentMismatchError, TooLargeError
from languages import Speech, language_of, localized, preferred, say, translate


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9", "de-AT"),
        ("DE-at", "DE-at"),
        ("fr;q=0.9, de;q=0.8", "de"),
        ("en;q=0.2, de;q=0.7", "de"),
        ("de;q=0, en", "en"),
        ("fr", "fr"),
        ("*", "en"),
        ("de;q=nonsense, en;q=0.1", "en"),
        ("x" * 5_000, "en"),
        ("de\u0000", "en"),
        (",".join(["fr"] * 500 + ["de"]), "fr"),
    ],
)
def test_the_preferred_language_that_has_a_catalog(header: str, tag: str) -> None:
    assert preferred(header) == tag


def test_a_sentence_is_english_until_it_is_translated() -> None:
    sentence = say("Try again in {minutes} minutes.", minutes=5)

    assert sentence == "Try again in 5 minutes."
    assert translate(sentence, "de-AT") == "Bitte versuchen Sie es in 5 Minuten wieder."
    assert translate(sentence, "fr") == translate(sentence, "en") == sentence


def test_sentences_inside_sentences_and_terms_are_translated() -> None:
    when = say("Try again in {hours} hours.", hours=3)
    whole = say("Limit reached: {limit} {counted} are allowed. {when}", limit=5, counted="turns per day", when=when)

    assert translate(whole, "de") == (
        "Limit erreicht: Erlaubt sind 5 Nachrichten pro Tag. Bitte versuchen Sie es in 3 Stunden wieder."
    )


def test_a_users_own_name_is_never_translated() -> None:
    error = ContentMismatchError("damaged", "a PDF document", "a text file")

    assert str(error) == "“damaged” should be a PDF document, but it is a text file. Please check the file."
    assert translate(error, "de") == (
        "„damaged“ sollte ein PDF-Dokument sein, ist aber eine Textdatei. Bitte prüfen Sie die Datei."
    )


def test_braces_in_values_stay() -> None:
    assert translate(TooLargeError("{limit}{0}", 20_000_000, 10_000_000), "de").startswith("„{limit}{0}“ ist zu groß")


def test_other_texts_and_errors_stay_as_they_are() -> None:
    assert translate("hello", "de") == "hello"
    assert translate(ValueError("a {b}"), "de") == "a {b}"
    assert translate(ValueError(), "de") == ""


def test_data_with_sentences_is_translated() -> None:
    options = {"tools": ({"label": say("Balances"), "icon": "suitcase"},), "dictation": True}

    assert localized(options, "de") == {"tools": [{"label": "Kontostände", "icon": "suitcase"}], "dictation": True}


@pytest.mark.parametrize(
    ("locale", "number", "day"), [("en", "1,234.50", "Apr 1, 2026"), ("de-CH", "1.234,50", "1. Apr. 2026")]
)
def test_numbers_and_dates(locale: str, number: str, day: str) -> None:
    speech = Speech(locale)

    assert (speech.number("1,234.50"), speech.date(date(2026, 4, 1))) == (number, day)


def test_an_unknown_language_is_english() -> None:
    assert [language_of(tag) for tag in ("de", "de-AT", "fr-FR", "", "../de")] == ["de", "de", "en", "en", "en"]
