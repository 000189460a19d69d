"""Thread items as model input."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import (
    FileAttachment,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    ThreadItem,
    UserMessageTagContent,
)
from openai.types.responses import ResponseInputContentParam

from assistant_kit.history import Budget
from assistant_kit.item_converter import ItemConverter
from attachments_s3 import Envelope
from store_dynamo.testing.models import every_item
from tests.fakes.turn import Conversation

FACTS: dict[str, Any] = {"thread_id": "thread-1", "created_at": datetime(2026, 5, 20)}


NEWEST = GeneratedImageItem(id="newest", image=GeneratedImage(id="ig_1", url="https://bucket/secret?sig"), **FACTS)
KEY = "0123456789abcdef"


def converter(*items: ThreadItem, attachments: int = 4) -> ItemConverter:
    """Return the converter of a turn whose history holds the items."""
    turn = replace(Conversation().turn(), image_content=image_bytes, envelope=Envelope(KEY))
    return ItemConverter(turn, items, Budget(attachments=attachments))


async def image_bytes(image: GeneratedImage) -> ResponseInputContentParam:
    return {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{image.id}"}


def texts(items: list[Any]) -> list[str]:
    return [part["text"] for item in items for part in item["content"]]


async def test_whole_attachments_are_sent_and_others_named() -> None:
    files = [FileAttachment(id=name, name=f"{name}.txt", mime_type="text/plain") for name in ("old", "new")]
    message = await Conversation().say("look", files)
    items = await converter(message, attachments=1).to_agent_input([message])
    assert texts(items) == [
        "look",
        f'<file-{KEY} name="old.txt" type="text/plain"/>\n[Attached earlier, content not repeated.]',
        "content of new.txt",
    ]


async def test_a_mention_is_explained_by_the_subclass_and_named_in_any_case() -> None:
    class Explaining(ItemConverter):
        def mention(self, tag: UserMessageTagContent) -> str:
            return "is an order" if tag.id == "order:1" else super().mention(tag)

    tags = [UserMessageTagContent(type="input_tag", id=f"order:{n}", text=f"#{n}", data={}) for n in (1, 2)]
    message = (await Conversation().say("")).model_copy(update={"content": tags})

    _, _, *explained = texts(await Explaining(Conversation().turn(), [message]).to_agent_input([message]))

    assert [text.splitlines()[-1] for text in explained] == [
        "is an order",
        "is a mention that this assistant does not explain",
    ]


@pytest.mark.feature("quoted-text")
async def test_quoted_text_is_told() -> None:
    message = (await Conversation().say("what is this?")).model_copy(update={"quoted_text": "compound interest"})
    given = texts(await converter().to_agent_input([message]))[-1]
    assert given.endswith(f"\n<quotation-{KEY}>\ncompound interest\n</quotation-{KEY}>")


@pytest.mark.feature("hidden-context")
async def test_hidden_context_may_be_structured() -> None:
    item = HiddenContextItem(id="h1", content={"goal": "Lisbon"}, **FACTS)
    assert '{"goal": "Lisbon"}' in texts(await converter().to_agent_input([item]))[0]


@pytest.mark.feature("item-converter")
async def test_every_kind_of_item_has_a_place_in_the_models_input() -> None:
    for item in every_item():
        given = await converter().to_agent_input([item])
        assert given or item.type in {"end_of_turn", "client_tool_call", "task", "workflow", "generated_image"}


async def test_the_newest_picture_is_sent_without_its_url() -> None:
    (sent,) = await converter(NEWEST).to_agent_input([NEWEST])
    assert "data:image/png;base64,ig_1" in str(sent)
    assert "secret" not in str(sent)


async def test_older_pictures_are_named_not_sent() -> None:
    item = GeneratedImageItem(id="g1", image=GeneratedImage(id="ig_1", url="https://bucket/secret?sig"), **FACTS)
    (text,) = texts(await converter(item, NEWEST).to_agent_input([item]))
    assert "secret" not in text
    assert await converter().to_agent_input([item.model_copy(update={"image": None})]) == []


async def test_blank_texts_are_left_out() -> None:
    """A file without words, and an answer without text: some endpoints reject an empty part."""
    file = FileAttachment(id="new", name="new.txt", mime_type="text/plain")
    talk = Conversation()
    items = [await talk.say(" ", [file]), await talk.answer(""), await talk.answer(" \n")]

    assert texts(await converter(*items).to_agent_input(items)) == ["content of new.txt"]
