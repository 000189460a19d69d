"""Titles and dictation: tidied output, and failures as messages for the user."""

from __future__ import annotations

import openai
import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import AudioInput, FileAttachment, UserMessageTagContent
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_kit.dictation import transcribe
from assistant_kit.titles import MAX_TITLE_CHARACTERS, tidy_title, words_of
from tests.fakes.turn import Conversation

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
        ("<think>The user asks\nabout food.</think>\nGroceries", "Groceries"),
        ("<think>cut off", None),
        ("thoughts of a template that opened the tag\n</think>\n\nGroceries", "Groceries"),
        ("<THINKING>a</THINKING><think>b</think> Groceries", "Groceries"),
        ("**Groceries** in `May`", "Groceries in May"),
        ("# _Groceries_", "Groceries"),
        ("- Groceries", "Groceries"),
        ("Title: “Groceries”", "Groceries"),
        ("Titel: Einkäufe", "Einkäufe"),
        ("<title>Groceries</title>", "Groceries"),
        ("[Groceries](https://example.com)", "Groceries"),
        ("```\nGroceries\n```", "Groceries"),
        ("snake_case and 2 * 3", "snake_case and 2 * 3"),
        ("「五月の食費」", "五月の食費"),
    ],
)
def test_tidy_title(output: str, title: str | None) -> None:
    assert tidy_title(output) == title


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_titles_are_short_single_lines(output: str) -> None:
    title = tidy_title(output)
    assert title is None or (0 < len(title) <= MAX_TITLE_CHARACTERS and "\n" not in title)


@pytest.mark.feature("clean-titles")
@pytest.mark.parametrize("text", ["", " \n "])
async def test_a_message_without_words_has_nothing_to_name(text: str) -> None:
    file = FileAttachment(id="f", name="bill.pdf", mime_type="application/pdf")

    assert words_of(await Conversation().say(text, [file])) is None


async def test_words_are_those_of_the_text_and_of_mentions() -> None:
    tag = UserMessageTagContent(id="account:cash", text="Cash", data={})
    message = await Conversation().say(" How\nmuch? ")

    assert words_of(message.model_copy(update={"content": [*message.content, tag]})) == "How much? Cash"


async def test_model_that_cannot_be_reached_is_a_message_not_an_internal_error() -> None:
    async with openai.AsyncOpenAI(api_key="sk-none", base_url=UNREACHABLE, max_retries=0) as client:
        with pytest.raises(CustomStreamError) as caught:
            await transcribe(client, "gpt-transcribe", AudioInput(data=b"", mime_type="audio/webm"))

    assert caught.value.message
    assert "127.0.0.1" not in caught.value.message
