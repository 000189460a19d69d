"""Titles and dictation: tidied output, and failures as messages for the user."""

from __future__ import annotations

import openai
import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import AudioInput
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.text import MAX_TITLE_CHARACTERS, tidy_title, transcribe

UNREACHABLE = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("output", "title"),
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
def test_tidy_title(output: str, title: str | None) -> None:
    assert tidy_title(output) == title


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_titles_are_short_single_lines(output: str) -> None:
    title = tidy_title(output)
    assert title is None or (0 < len(title) <= MAX_TITLE_CHARACTERS and "\n" not in title)


async def test_model_that_cannot_be_reached_is_a_message_not_an_internal_error() -> None:
    async with openai.AsyncOpenAI(api_key="sk-none", base_url=UNREACHABLE, max_retries=0) as client:
        with pytest.raises(CustomStreamError) as caught:
            await transcribe(client, "gpt-transcribe", AudioInput(data=b"", mime_type="audio/webm"))

    assert caught.value.message
    assert "127.0.0.1" not in caught.value.message
