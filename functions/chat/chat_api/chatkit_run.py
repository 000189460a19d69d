"""ChatKit carrying out one request: what `ChatKitServer` leaves to its subclass, for any assistant.

    run = ChatKitRun(store, files, assistant, turn, state, records, timing)
    run.stream(request)             # ChatKit's events, as bytes
    await run.answer(request)       # JSON

`ChatKitServer` holds no state, so each request has one of its own, which holds what belongs to the turn: its state,
its title.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any

from chatkit.actions import Action
from chatkit.server import ChatKitServer
from chatkit.types import (
    AssistantMessageItem,
    AudioInput,
    ErrorEvent,
    NonStreamingReq,
    SDKHiddenContextItem,
    StreamingReq,
    SyncCustomActionResponse,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)

from chat_api.assistant import Assistant, SupportsActions, SupportsSyncActions, SupportsTranscription, Turn
from chat_api.bound_store import BoundStore
from chat_api.context import RequestContext
from chat_api.item_ids import AnswerIds
from chat_api.records import Records
from chat_api.stopping import StopReason
from chat_api.timing import Timing
from chat_api.titling import begin_title
from chat_api.turn_state import TurnState
from store_dynamo.errors import DuplicateItemError

STOPPED_NOTE = "The user stopped the answer above. Do not go on with it unless you are asked to."


class ChatKitRun(ChatKitServer[RequestContext]):
    """One request. The checks of admission are behind it: the assistant can do what is asked here."""

    def __init__(
        self,
        store: BoundStore,
        assistant: Assistant,
        turn: Turn,
        state: TurnState,
        records: Records,
        timing: Timing,
    ) -> None:
        super().__init__(store)
        self.stop, self.meter = state.stop, state.meter
        self.stop.on_order(turn.stop)
        self.turn = turn
        self._own_store = store
        self._assistant = assistant
        self._records = records
        self._timing = timing

    def stream(self, request: StreamingReq) -> AsyncGenerator[bytes, None]:
        return self._process_streaming(request, self.turn.context)

    async def answer(self, request: NonStreamingReq) -> bytes:
        return await self._process_non_streaming(request, self.turn.context)

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        title = begin_title(self._assistant, self._records.titles, thread, input_user_message, context)
        self.stop.on_order(title.cancel)
        try:
            events = self._assistant.respond(thread, input_user_message, self.turn)
            async with aclosing(self._guarded(events, thread)) as guarded:
                async for event in guarded:
                    yield event
                    title.show(thread)
            await title.wait(self._timing.title_wait)
            title.show(thread)
        finally:
            await title.end()

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        assert isinstance(self._assistant, SupportsActions)
        events = self._assistant.action(thread, action, sender, self.turn)
        async with aclosing(self._guarded(events, thread)) as guarded:
            async for event in guarded:
                yield event

    async def _guarded(
        self, events: AsyncIterator[ThreadStreamEvent], thread: ThreadMetadata
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the assistant's events until the turn is stopped; however it ends, the model is stopped."""
        ids = AnswerIds(
            lambda: self.store.generate_item_id("message", thread, self.turn.context), self._own_store.has_made
        )
        self.meter.ask()
        try:
            async with aclosing(self.stop.guard(events)) as guarded:
                async for event in guarded:
                    self._measure(event)
                    yield ids.rewrite(event)
        except Exception as error:
            self.meter.fail(error)
            raise
        finally:
            self.turn.stop()

    def _measure(self, event: ThreadStreamEvent) -> None:
        if isinstance(event, ThreadItemUpdatedEvent | ThreadItemDoneEvent):
            self.meter.speak()
        elif isinstance(event, ErrorEvent):
            self.meter.outcome, self.meter.error = "failed", str(event.code)

    async def handle_stream_cancelled(
        self, thread: ThreadMetadata, pending_items: list[ThreadItem], context: RequestContext
    ) -> None:
        """Store what was said so far; when it was the user who stopped it, tell the model of the next turn."""
        for item in pending_items:
            if isinstance(item, AssistantMessageItem) and any(part.text.strip() for part in item.content):
                # A duplicate: the turn was stopped while the whole answer was written, which was carried out.
                with suppress(DuplicateItemError):
                    await self.store.add_thread_item(thread.id, item, context)
        if self.stop.reason is StopReason.USER:
            note = SDKHiddenContextItem(
                id=self.store.generate_item_id("sdk_hidden_context", thread, context),
                thread_id=thread.id,
                created_at=datetime.now(),  # noqa: DTZ005 (ChatKit's times are naive)
                content=STOPPED_NOTE,
            )
            await self.store.add_thread_item(thread.id, note, context)

    async def transcribe(self, audio_input: AudioInput, context: RequestContext) -> TranscriptionResult:
        assert isinstance(self._assistant, SupportsTranscription)
        return await self._assistant.transcribe(audio_input, self.turn)

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> SyncCustomActionResponse:
        assert isinstance(self._assistant, SupportsSyncActions)
        return await self._assistant.sync_action(thread, action, sender, self.turn)
