"""An assistant with every capability of ChatKit; the user's message selects its behavior."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.types import (
    AudioInput,
    ClientEffectEvent,
    ClientToolCallItem,
    HiddenContextItem,
    NoticeEvent,
    ProgressUpdateEvent,
    StructuredInputFreeform,
    StructuredInputItem,
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)
from chatkit.widgets import Card, Text

from chat_api.assistant import Entity, ModelOption, ToolOption, Turn
from tests.fakes.assistants import spoken


def card(text: str) -> Card:
    return Card(children=[Text(value=text)])


class Everything:
    """Reacts to `form`, `tool`, `widget`, `effects`, `fail` and `crash`; answers any other message in two pieces."""

    models = (ModelOption(id="small", label="Small"), ModelOption(id="large", label="Large"))
    tools = (ToolOption(id="search", label="Search", icon="search"),)

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.title_given: str | None = "A title"
        self.may_title = asyncio.Event()
        self.may_title.set()

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        self.turns.append(turn)
        words = message.content[0].text if message else ""
        for event in self._answer(words, thread, turn):
            yield event

    def _answer(self, words: str, thread: ThreadMetadata, turn: Turn) -> list[ThreadStreamEvent]:
        base: dict[str, Any] = {
            "id": turn.store.generate_item_id("message", thread, turn.context),
            "thread_id": thread.id,
            "created_at": datetime.now(),
        }
        match words:
            case "form":
                question = StructuredInputFreeform(id="q", question="What is your goal?")
                return [ThreadItemDoneEvent(item=StructuredInputItem(**base, inputs=[question]))]
            case "tool":
                call = ClientToolCallItem(**base, call_id="call_1", name="open_page", arguments={"page": "budget"})
                return [ThreadItemDoneEvent(item=call)]
            case "widget":
                return [ThreadItemDoneEvent(item=WidgetItem(**base, widget=card("before")))]
            case "effects":
                return [
                    ProgressUpdateEvent(text="working"),
                    ClientEffectEvent(name="highlight", data={"id": 1}),
                    NoticeEvent(level="info", message="note"),
                    ThreadItemDoneEvent(item=HiddenContextItem(**base, content="for the model only")),
                ]
            case "fail":
                raise CustomStreamError("the model is busy", allow_retry=True)
            case "crash":
                raise RuntimeError("key sk-secret at 10.0.0.7")
            case _:
                return spoken(thread, turn, ["You ", "said it."])

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        if sender is not None:
            yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card(str(action.payload))}))
        for event in spoken(thread, turn, ["Did ", action.type]):
            yield event

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse:
        if action.type == "fail":
            raise CustomStreamError("not now", allow_retry=False)
        return SyncCustomActionResponse(updated_item=sender)

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        return TranscriptionResult(text=f"{audio.media_type} {audio.data.decode()}")

    async def title(self, message: UserMessageItem) -> str | None:
        await self.may_title.wait()
        if self.title_given == "fail":
            raise RuntimeError("no title today")
        return self.title_given

    async def entities(self, query: str, turn: Turn) -> list[Entity]:
        return [Entity(id=turn.context.user_id, title=query)]

    async def overview(self, turn: Turn) -> dict[str, Any]:
        if turn.context.user_id == "unlucky":
            raise CustomStreamError("no money today", allow_retry=True)
        return {"user": turn.context.user_id}

    async def change_overview(self, change: Mapping[str, Any], turn: Turn) -> Mapping[str, Any]:
        return {"user": turn.context.user_id, "changed": change}
