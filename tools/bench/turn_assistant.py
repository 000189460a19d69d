"""The coach without the model: reads the thread, converts it to the model's input, and answers immediately.

ASSISTANT=tools.bench.turn_assistant:build
ASSISTANT=tools.bench.turn_assistant:build_walking_coach       the coach with OpenAI's own client

The answer is one JSON word with the times in which the process waited for the table: `[[from, to], …]`, in seconds of
the machine's monotonic clock, without overlaps.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from chat_api.assistant import Assistant, AssistantSettings, Turn
from coach.accounts_table import AccountsTable
from coach.assistant import Coach

KEPT = 64


class Waits:
    """The times in which requests of one client were in flight."""

    def __init__(self, client: Any) -> None:
        self._sent: dict[int, float] = {}  # by thread id; a thread has one request at a time
        self._past: deque[tuple[float, float]] = deque(maxlen=KEPT)
        client.meta.events.register_last("before-send.*.*", self._begin)
        client.meta.events.register_first("response-received.*.*", self._end)

    def _begin(self, **_: Any) -> None:
        self._sent[threading.get_ident()] = time.monotonic()

    def _end(self, **_: Any) -> None:
        self._past.append((self._sent.pop(threading.get_ident()), time.monotonic()))

    def merged(self) -> list[tuple[float, float]]:
        """Return the times with at least one request in flight, in order."""
        merged: list[tuple[float, float]] = []
        for begun, ended in sorted(self._past):
            if merged and begun <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(ended, merged[-1][1])
            else:
                merged.append((begun, ended))
        return merged


class Prepared:
    """An assistant that does the coach's work before its model call, without the call."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits

    def prepare(self) -> None:
        from coach import item_converter as item_converter  # loads the Agents SDK

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        from assistant_kit.history import newest_items
        from coach.item_converter import CoachItemConverter

        items = await newest_items(turn.store, thread.id, turn.context)
        await CoachItemConverter(turn, items).to_agent_input(items)
        item = AssistantMessageItem(
            id=turn.store.generate_item_id("message", thread, turn.context),
            thread_id=thread.id,
            created_at=datetime.now(),  # noqa: DTZ005 (ChatKit's own times are naive)
            content=[],
        )
        yield ThreadItemAddedEvent(item=item)
        word = json.dumps(self._waits.merged())
        update = AssistantMessageContentPartTextDelta(content_index=0, delta=word)
        yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [AssistantMessageContent(text=word)]}))


def build(settings: AssistantSettings) -> Assistant:
    return Prepared(Waits(settings.dynamodb))


class WalkingCoach(Coach):
    """The coach as it was before `assistant_kit.OpenAIClient`."""

    def prepare(self) -> None:
        import openai

        from coach import agent

        agent.OpenAIClient = openai.AsyncOpenAI
        super().prepare()


def build_walking_coach(settings: AssistantSettings) -> Assistant:
    assert settings.table is not None
    assert settings.dynamodb is not None
    return WalkingCoach(settings, AccountsTable(settings.table, settings.dynamodb))
