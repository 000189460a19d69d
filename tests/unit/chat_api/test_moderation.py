"""H3: a refused text is neither stored nor sent to the model; a refused answer disappears from stream and store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api import moderation
from chat_api.assistant import Statement, Turn
from chat_api.context import RequestContext
from tests.fakes.assistants import spoken
from tests.fakes.everything import Everything
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import events, threads
from tests.unit.chat_api.test_message_files import uploaded
from tools.client.chatkit import create_thread, get_thread

pytestmark = [pytest.mark.promise("H3"), pytest.mark.feature("moderation")]

REASON = "Please be kind."


class Moderated(Everything):
    """Refuses texts with the word `rude`, fails for `broken`, and is too slow for `slow`; says what it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[Statement] = []
        self.say: list[str] = []

    async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
        self.statements.append(statement)
        if "slow" in statement.text:
            await asyncio.sleep(60)
        if "broken" in statement.text:
            raise RuntimeError("no moderation today")
        return REASON if "rude" in statement.text else None

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        if not self.say:
            async for event in super().respond(thread, message, turn):
                yield event
            return
        self.turns.append(turn)
        for event in spoken(thread, turn, self.say):
            yield event
            await asyncio.sleep(0)


@pytest.fixture
def assistant() -> Moderated:
    return Moderated()


@pytest.fixture
def world(world_of: Callable[..., World], assistant: Moderated, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(moderation, "MODERATION_SECONDS", 0.05)
    return world_of(assistant)


async def waiting_for(world: World, words: str) -> tuple[str, Any]:
    """Return a thread whose newest item is a form, a tool call or a widget, and that item."""
    stream = events(await world.post(create_thread(words)))
    items = [event["item"] for event in stream if event["type"] == "thread.item.done"]
    return stream[0]["thread"]["id"], items[-1]


async def message(world: World, text: str) -> dict[str, Any]:
    return create_thread(text)


async def quoted(world: World, text: str) -> dict[str, Any]:
    request: dict[str, Any] = dict(create_thread("hello"))
    request["params"]["input"]["quoted_text"] = text
    return request


async def form(world: World, text: str) -> dict[str, Any]:
    thread_id, item = await waiting_for(world, "form")
    answers = {"answers": {"q": {"values": [text]}}}
    params = {"thread_id": thread_id, "item_id": item["id"], "input": answers}
    return {"type": "threads.add_structured_input", "params": params}


async def tool(world: World, text: str) -> dict[str, Any]:
    thread_id, _ = await waiting_for(world, "tool")
    return {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": {"a": [text]}}}


async def action(world: World, text: str) -> dict[str, Any]:
    thread_id, item = await waiting_for(world, "widget")
    params = {"thread_id": thread_id, "item_id": item["id"], "action": {"type": "save", "payload": {"note": text}}}
    return {"type": "threads.custom_action", "params": params}


async def sync_action(world: World, text: str) -> dict[str, Any]:
    return {**await action(world, text), "type": "threads.sync_custom_action"}


@pytest.mark.parametrize(("text", "status"), [("rude", 422), ("broken", 503), ("slow", 503)])
@pytest.mark.parametrize("make", [message, quoted, form, tool, action, sync_action])
async def test_refused_text_is_neither_stored_nor_answered(
    world: World, assistant: Moderated, make: Any, text: str, status: int
) -> None:
    request = await make(world, text)
    before, turns = await items(world), len(assistant.turns)

    response = await world.post(request, **{"x-turn-id": "turn-1-moderated"})

    assert response.status_code == status
    assert (REASON in response.text) == (status == 422)
    assert (await items(world), len(assistant.turns)) == (before, turns)
    kinder = await make(world, "kind")
    assert (await world.post(kinder, **{"x-turn-id": "turn-1-moderated"})).status_code == 200  # the claim was released


async def items(world: World) -> list[Any]:
    return [(await world.post(get_thread(thread["id"]))).json()["items"]["data"] for thread in await threads(world)]


async def test_file_of_a_refused_message_is_free_again(world: World) -> None:
    file_id = await uploaded(world)

    assert (await world.post(create_thread("rude", (file_id,)))).status_code == 422
    assert (await world.post(create_thread("kind", (file_id,)))).status_code == 200


async def test_refused_answer_is_removed_and_replaced_by_the_reason(world: World, assistant: Moderated) -> None:
    assistant.say = ["You are ", "rude."]

    stream = events(await world.post(create_thread("hello")))

    shown = next(event["item"]["id"] for event in stream if event["type"] == "thread.item.added")
    kinds = [event["type"] for event in stream]
    assert {"type": "thread.item.removed", "item_id": shown} in stream
    assert kinds.index("thread.item.removed") > kinds.index("thread.item.updated")
    assert shown not in [event["item"]["id"] for event in stream if event["type"] == "thread.item.done"]
    (stored,) = await items(world)
    assert [item["content"][0]["text"] for item in stored] == ["hello", REASON]
    assert "rude" not in repr(vars(world.store))


@pytest.mark.parametrize("words", ["broken.", "slow."])
async def test_answer_that_cannot_be_checked_is_removed(world: World, assistant: Moderated, words: str) -> None:
    assistant.say = ["It is ", words]

    stream = events(await world.post(create_thread("hello")))

    assert [event["type"] for event in stream][-2:] == ["thread.item.removed", "error"]
    (stored,) = await items(world)
    assert [item["content"][0]["text"] for item in stored] == ["hello"]


@pytest.mark.parametrize(("words", "kept"), [("kind ", True), ("rude ", False), ("broken ", False)])
async def test_part_of_an_answer_is_checked_when_the_turn_is_stopped(
    world: World, assistant: Moderated, words: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asyncio.Event()

    async def stopped() -> None:
        await said.wait()
        async with world.client() as client:
            await client.post("/chatkit/turns/turn-1-moderated/cancel")

    async def slowly(thread: ThreadMetadata, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        assistant.turns.append(turn)
        for number, event in enumerate(spoken(thread, turn, [words] * 500)):
            yield event
            await asyncio.sleep(0.01)
            if number == 5:
                said.set()

    monkeypatch.setattr(assistant, "respond", slowly)
    response, _ = await asyncio.gather(
        world.post(create_thread("hello"), **{"x-turn-id": "turn-1-moderated"}), stopped()
    )

    assert response.status_code == 200
    (stored,) = await items(world)
    assert (len(stored) == 2) == kept


async def test_without_the_method_nothing_is_awaited(
    world_of: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> Any:
        raise AssertionError("moderation is off")

    for module in ("chat_api.server", "chat_api.chatkit_run"):
        monkeypatch.setattr(f"{module}.moderate", unexpected)

    stream = events(await world_of(Everything()).post(create_thread("rude")))

    assert "error" not in [event["type"] for event in stream]
