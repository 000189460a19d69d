"""A model that fails in mid-answer: the text so far stays, with a note and a retry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import (
    CustomTask,
    ThreadItemAddedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    Workflow,
    WorkflowItem,
)

from chat_api.assistant import Statement, Turn
from chat_api.chatkit_run import INTERRUPTED
from chat_api.context import RequestContext
from tests.fakes.assistants import delta, message_item
from tests.unit.chat_api.conftest import World
from tools.client.chatkit import create_thread, get_thread

WorldOf = Callable[..., World]


class Breaking:
    """Shows a running workflow and nine words, then fails."""

    def __init__(self, failure: BaseException) -> None:
        self._failure = failure

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        workflow = Workflow(type="custom", tasks=[CustomTask(title="Look", status_indicator="loading")])
        yield ThreadItemAddedEvent(
            item=WorkflowItem(id="foreign_wf", thread_id=thread.id, created_at=datetime.now(), workflow=workflow)
        )
        yield ThreadItemAddedEvent(item=message_item(thread, "foreign_empty"))
        yield ThreadItemAddedEvent(item=message_item(thread, "foreign_1"))
        for number in range(9):
            yield delta("foreign_1", f"w{number} ")
        raise self._failure


async def outcome(world: World) -> tuple[list[Any], list[Any]]:
    """Return the events of one turn, and what is stored after it."""
    lines = (await world.post(create_thread("hi"))).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    stored = (await world.post(get_thread(events[0]["thread"]["id"]))).json()["items"]["data"]
    return events, stored


@pytest.mark.promise("R3")
@pytest.mark.feature("interrupted")
@pytest.mark.parametrize(
    "failure", [RuntimeError("gone"), CustomStreamError("It broke off.", allow_retry=True), SystemExit(3)], ids=repr
)
async def test_the_text_so_far_is_stored_with_a_note_and_a_retry(world_of: WorldOf, failure: BaseException) -> None:
    events, stored = await outcome(world_of(Breaking(failure)))

    assert [item["type"] for item in stored] == ["user_message", "workflow", "assistant_message"]
    texts = [part["text"] for part in stored[2]["content"]]
    assert texts == ["w0 w1 w2 w3 w4 w5 w6 w7 w8 ", f"\n\n*{INTERRUPTED}*"]
    assert stored[1]["workflow"]["tasks"][0]["status_indicator"] == "none"
    assert (events[-1]["type"], events[-1]["allow_retry"]) == ("error", True)
    shown = [event["item"] for event in events if event["type"] == "thread.item.done"][-1]
    assert shown["content"] == stored[2]["content"]


@pytest.mark.promise("H3")
async def test_a_refused_text_is_not_stored_when_the_model_fails(world_of: WorldOf) -> None:
    class Moderated(Breaking):
        async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
            return "No." if statement.source == "answer" else None

    _, stored = await outcome(world_of(Moderated(RuntimeError("gone"))))

    assert "w0" not in str(stored)
