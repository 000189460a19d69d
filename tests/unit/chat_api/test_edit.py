"""Edit and send again: `threads.retry_after_item` with new content for the user's message in its `metadata`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.everything import Everything
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tests.unit.chat_api.test_moderation import Moderated
from tests.unit.chat_api.test_protocol import ANSWER, begin, items, types
from tools.client.chatkit import add_message


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    assistant = Everything()
    assistant.title_given = None
    return world_of(assistant)


def edit(thread_id: str, item_id: str, content: object) -> dict[str, Any]:
    params = {"thread_id": thread_id, "item_id": item_id}
    return {"type": "threads.retry_after_item", "params": params, "metadata": {"content": content}}


def said(text: str) -> list[dict[str, Any]]:
    return [{"type": "input_text", "text": text}]


@pytest.mark.feature("edit-message")
async def test_message_is_replaced_in_its_place_and_everything_after_it_goes(world: World) -> None:
    thread_id, _ = await begin(world, "one")
    await world.post(add_message(thread_id, "two"))
    question = (await items(world, thread_id))[0]
    tag = {"type": "input_tag", "id": "account:cash", "text": "Cash", "data": {"name": "cash"}}

    stream = events(await world.post(edit(thread_id, question["id"], [*said("better"), tag])))

    stored = await items(world, thread_id)
    assert types(stream) == ["stream_options", "thread.item.replaced", *ANSWER]
    assert [item["type"] for item in stored] == ["user_message", "assistant_message"]
    assert [(part["type"], part["text"]) for part in stored[0]["content"]] == [
        ("input_text", "better"),
        ("input_tag", "Cash"),
    ]
    assert (stored[0]["id"], stored[0]["created_at"]) == (question["id"], question["created_at"])
    assert stream[1]["item"] == stored[0]


async def test_assistant_gets_the_new_text(world_of: Callable[..., World]) -> None:
    world = world_of(Echo())
    thread_id, _ = await begin(world, "one")
    question = (await items(world, thread_id))[0]

    await world.post(edit(thread_id, question["id"], said("better")))

    assert (await items(world, thread_id))[1]["content"][0]["text"] == "You said: better"


@pytest.mark.promise("H7")
@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        ([], 400, "the message is empty"),
        (said("  \n"), 400, "the message is empty"),
        ("text", 400, "metadata.content"),
        ([{"type": "hologram"}], 400, "metadata.content"),
        ([{"type": "input_text", "text": 3}], 400, "metadata.content"),
        (said("x" * 100_001), 413, "has 100001 characters"),
        ([*said("x" * 60_000), *said("y" * 50_000)], 413, "the message has 110000 characters"),
        ([{"type": "input_tag", "id": "i" * 513, "text": "t", "data": {}}], 413, "512"),
        ([{"type": "input_tag", "id": "i", "text": "t", "data": {"a": "x" * 3_000}}], 413, "2000"),
        (said("a") * 201, 413, "200"),
    ],
)
async def test_content_has_the_bounds_of_a_message_and_a_refusal_changes_nothing(
    world: World, content: object, status: int, reason: str
) -> None:
    thread_id, _ = await begin(world, "one")
    before = await items(world, thread_id)

    answer = await world.post(edit(thread_id, before[0]["id"], content))

    assert answer.status_code == status
    assert reason in answer.json()["message"]
    assert await items(world, thread_id) == before


@pytest.mark.promise("S1")
async def test_other_peoples_messages_and_answers_cannot_be_edited(world: World) -> None:
    thread_id, answer = await begin(world, "one")
    before = await items(world, thread_id)

    foreign = await world.post(edit(thread_id, before[0]["id"], said("mine now")), user="bob")
    of_the_assistant = await world.post(edit(thread_id, answer["id"], said("I am the assistant")))

    assert (foreign.status_code, of_the_assistant.status_code) == (404, 400)
    assert await items(world, thread_id) == before


@pytest.mark.promise("H3")
async def test_new_text_is_moderated(world_of: Callable[..., World]) -> None:
    assistant = Moderated()
    world = world_of(assistant)
    thread_id, _ = await begin(world, "kind")
    before = await items(world, thread_id)

    answer = await world.post(edit(thread_id, before[0]["id"], said("rude")))

    assert (answer.status_code, answer.json()["message"]) == (422, "Please be kind.")
    assert await items(world, thread_id) == before
    assert assistant.statements[-1].text == "rude"


async def test_other_metadata_is_ignored(world: World) -> None:
    thread_id, _ = await begin(world, "one")
    question = (await items(world, thread_id))[0]
    request = edit(thread_id, question["id"], None) | {"metadata": {"client": "chatkit"}}

    await world.post(request)

    assert (await items(world, thread_id))[0]["content"] == question["content"]
