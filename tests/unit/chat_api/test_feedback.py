"""Feedback that persists: read back with its conversation, withdrawn, and with a reason, by `metadata` of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_moderation import Moderated
from tests.unit.chat_api.test_protocol import begin


def rate(thread_id: str, item_id: str, kind: str, **metadata: Any) -> dict[str, Any]:
    params = {"thread_id": thread_id, "item_ids": [item_id], "kind": kind}
    return {"type": "items.feedback", "params": params, "metadata": metadata}


async def given(world: World, thread_id: str, user: str = "ana") -> Any:
    request = {"type": "threads.get_by_id", "params": {"thread_id": thread_id}, "metadata": {"feedback": True}}
    return (await world.post(request, user)).json().get("feedback")


@pytest.mark.feature("feedback")
async def test_feedback_is_there_after_a_reload_until_it_is_withdrawn(world: World) -> None:
    thread_id, answer = await begin(world, "hello")

    await world.post(rate(thread_id, answer["id"], "negative", reason=" Wrong\u202e\n month "))
    assert await given(world, thread_id) == {answer["id"]: {"kind": "negative", "reason": "Wrong month"}}

    await world.post(rate(thread_id, answer["id"], "positive"))
    assert await given(world, thread_id) == {answer["id"]: {"kind": "positive"}}

    withdrawn = await world.post(rate(thread_id, answer["id"], "positive", withdrawn=True))
    assert (withdrawn.status_code, await given(world, thread_id)) == (200, {})


@pytest.mark.promise("S1")
async def test_feedback_of_others_is_neither_read_nor_withdrawn(world: World) -> None:
    thread_id, answer = await begin(world, "hello")
    await world.post(rate(thread_id, answer["id"], "positive"))

    foreign = await world.post(rate(thread_id, answer["id"], "positive", withdrawn=True), user="bob")

    assert foreign.status_code == 404
    assert await given(world, thread_id, "bob") is None
    assert await given(world, thread_id) == {answer["id"]: {"kind": "positive"}}


@pytest.mark.promise("H7")
@pytest.mark.parametrize(
    ("reason", "status", "message"),
    [
        ("x" * 1_001, 413, "metadata.reason has 1001 characters, the limit is 1000: shorten it"),
        (["no", "text"], 400, "metadata.reason: must be a text"),
        (7, 400, "metadata.reason: must be a text"),
    ],
)
async def test_reason_is_a_text_of_bounded_length(world: World, reason: Any, status: int, message: str) -> None:
    thread_id, answer = await begin(world, "hello")

    refused = await world.post(rate(thread_id, answer["id"], "negative", reason=reason))

    assert (refused.status_code, refused.json()["message"]) == (status, message)
    assert await given(world, thread_id) == {}


@pytest.mark.promise("H3")
async def test_reason_is_moderated(world_of: Callable[..., World]) -> None:
    assistant = Moderated()
    world = world_of(assistant)
    thread_id, answer = await begin(world, "kind")

    refused = await world.post(rate(thread_id, answer["id"], "negative", reason="rude"))

    assert refused.status_code == 422
    assert await given(world, thread_id) == {}
    assert assistant.statements[-1].source == "feedback"
