"""Thread items as the model's input."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatkit.types import (
    FileAttachment,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    UserMessageTagContent,
)

from coach.thread_items import CoachItemConverter
from tests.fakes.turn import Conversation, named_only

FACTS: dict[str, Any] = {"thread_id": "thread-1", "created_at": datetime(2026, 5, 20)}


def converter(*whole: str) -> CoachItemConverter:
    return CoachItemConverter(named_only, frozenset(whole))


def texts(items: list[Any]) -> list[str]:
    return [part["text"] for item in items for part in item["content"]]


async def test_whole_attachments_are_sent_and_others_named() -> None:
    files = [FileAttachment(id=name, name=f"{name}.txt", mime_type="text/plain") for name in ("old", "new")]
    message = await Conversation().say("look", files)
    items = await converter("new").to_agent_input([message])
    assert texts(items) == [
        "look",
        "[Attached earlier, not repeated here: old.txt (text/plain)]",
        "content of new.txt",
    ]


async def test_mentions_carry_their_data() -> None:
    tag = UserMessageTagContent(type="input_tag", id="account-1", text="Cash", data={"kind": "account"})
    message = (await Conversation().say("")).model_copy(update={"content": [tag]})
    said, _, resolved = texts(await converter().to_agent_input([message]))
    assert said == "@Cash"
    assert resolved == '@Cash is {"id": "account-1", "kind": "account"}'


async def test_hidden_context_may_be_structured() -> None:
    item = HiddenContextItem(id="h1", content={"goal": "Lisbon"}, **FACTS)
    assert '{"goal": "Lisbon"}' in texts(await converter().to_agent_input([item]))[0]


async def test_generated_pictures_are_named_not_sent() -> None:
    item = GeneratedImageItem(id="g1", image=GeneratedImage(id="ig_1", url="https://bucket/secret?sig"), **FACTS)
    (text,) = texts(await converter().to_agent_input([item]))
    assert "secret" not in text
    assert await converter().to_agent_input([item.model_copy(update={"image": None})]) == []
