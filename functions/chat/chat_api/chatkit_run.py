"""One request processed by ChatKit: connects `ChatKitServer` to an assistant.

    run = ChatKitRun(user_store, assistant, turn, stop, metrics, timing)
    run.stream(request)             # ChatKit's events, as bytes
    await run.answer(request)       # JSON

`ChatKitServer` has no state, so each request gets an instance of its own, which holds the state of its turn. The module
imports the Agents SDK; it is loaded by `warmup.DeferredImports`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial
from typing import Any

from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.server import ChatKitServer
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    AudioInput,
    ErrorEvent,
    NonStreamingReq,
    SDKHiddenContextItem,
    StreamingReq,
    SyncCustomActionResponse,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadsAddClientToolOutputReq,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageContent,
    UserMessageItem,
    WidgetItem,
)

from chat_api.answer.drafts import INTERRUPTED, STOPPED_NOTE, at_rest, is_kept
from chat_api.answer.events import AnswerEvents, with_stored_image
from chat_api.answer.rules import NEVER_BLOCKED, broken, iterator_of
from chat_api.assistant import (
    Assistant,
    SupportsActions,
    SupportsApprovals,
    SupportsModeration,
    SupportsSyncActions,
    SupportsTitles,
    SupportsTranscription,
    Turn,
)
from chat_api.bounds import first_words
from chat_api.context import RequestContext
from chat_api.errors import UnavailableError, contained
from chat_api.moderation import NOT_CHECKED, answer_statement, moderate
from chat_api.pending_title import PendingTitle, start_title
from chat_api.request_checks import is_approval, new_content, pending_tool_call
from chat_api.telemetry import TurnMetrics
from chat_api.turn import StopReason, StopSignal, Timing
from chat_api.user_store import UserStore
from lambda_streaming.loop_watch import watched_loop
from lambda_streaming.request_tasks import StartedTasks
from languages import translate
from store_dynamo.errors import DuplicateItemError

logger = logging.getLogger("chat_api.chatkit_run")

LIBRARIES = ("chatkit", "agents")
"""Packages whose tasks end with the turn: `stream_agent_response` abandons two when it fails or is stopped."""
TASKS_SECONDS = 0.5


class ChatKitRun(ChatKitServer[RequestContext]):
    """One admitted request; admission has checked that the assistant supports it."""

    def __init__(
        self,
        store: UserStore,
        assistant: Assistant,
        turn: Turn,
        stop: StopSignal,
        metrics: TurnMetrics,
        timing: Timing,
    ) -> None:
        super().__init__(store)
        self._user_store = store
        self._assistant = assistant
        self._moderator = assistant if isinstance(assistant, SupportsModeration) else None
        self._turn = turn
        self._stop, self._metrics = stop, metrics
        self._stop.on_trigger(turn.stop)
        self._timing = timing
        self._new_content: list[UserMessageContent] | None = None
        self._message: UserMessageItem | None = None
        self._title = PendingTitle(None)
        self._answer: AnswerEvents | None = None

    def stream(self, request: StreamingReq) -> AsyncGenerator[bytes, None]:
        self._new_content = new_content(request)
        return self._process_streaming(request, self._turn.context)

    async def answer(self, request: NonStreamingReq) -> bytes:
        return await self._process_non_streaming(request, self._turn.context)

    async def _process_streaming_impl(
        self, request: StreamingReq, context: RequestContext
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Process a client tool's result ourselves: ChatKit expects its call to be the very last item."""
        if isinstance(request, ThreadsAddClientToolOutputReq):
            events = self._resume(request.params.thread_id, request.params.result, context)
        else:
            events = super()._process_streaming_impl(request, context)
        async with aclosing(events) as closing:
            async for event in closing:
                yield event

    async def _resume(
        self, thread_id: str, result: object, context: RequestContext
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Store a result with its call, and let the assistant continue. Other calls keep waiting for theirs."""
        thread = await self.store.load_thread(thread_id, context)
        call = await pending_tool_call(self.store, thread_id, context)
        if call is not None:  # otherwise it was answered since admission
            answered = call.model_copy(update={"output": result, "status": "completed"})
            await self.store.save_item(thread_id, answered, context)
        async for event in self._process_events(thread, context, lambda: self.respond(thread, None, context)):
            yield event

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        if input_user_message is not None and self._new_content is not None:
            input_user_message = input_user_message.model_copy(update={"content": self._new_content})
            yield ThreadItemReplacedEvent(item=input_user_message)  # ChatKit saves it
        self._message = input_user_message
        self._title = title = start_title(self._assistant, self._user_store, thread, input_user_message)
        self._stop.on_trigger(title.cancel)
        try:
            events = partial(self._assistant.respond, thread, input_user_message, self._turn)
            async with aclosing(self._guarded(events, thread)) as guarded:
                async for event in guarded:
                    yield event
                    title.apply_to(thread)
            await title.wait(self._timing.title_wait)
            title.apply_to(thread)
        finally:
            await title.end()

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        if is_approval(action):
            assert isinstance(self._assistant, SupportsApprovals)
            events = partial(self._assistant.decide, thread, action, sender, self._turn)
        else:
            assert isinstance(self._assistant, SupportsActions)
            events = partial(self._assistant.action, thread, action, sender, self._turn)
        async with aclosing(self._guarded(events, thread)) as guarded:
            async for event in guarded:
                yield event

    async def _guarded(
        self, call: Callable[[], object], thread: ThreadMetadata
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the assistant's events until the turn is stopped; always end the model's work."""
        self._metrics.model_called()
        tasks = StartedTasks()
        try:
            with contained(), tasks.collecting(), watched_loop(partial(broken, NEVER_BLOCKED)):
                async with aclosing(self._stop.guard(iterator_of(call))) as guarded:
                    async for event in self._repaired(guarded, thread):
                        self._measure(event)
                        if self._moderator is None or (answer := _whole_answer(event)) is None:
                            yield event
                            continue
                        async for checked in self._checked(event, answer, self._moderator, thread):
                            yield checked
        except Exception as error:
            self._metrics.failed(error)
            if isinstance(error, CustomStreamError):
                error.message = translate(error.message, self._turn.context.locale)
            raise
        finally:
            self._turn.stop()
            await tasks.end(LIBRARIES, TASKS_SECONDS)

    async def _repaired(
        self, events: AsyncIterator[object], thread: ThreadMetadata
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the events so that everything that the user sees is stored (`chat_api.answer`)."""
        store = self._user_store
        new_id = partial(store.generate_item_id, thread=thread, context=self._turn.context)
        self._answer = answer = AnswerEvents(thread, new_id, store.has_generated, store.has_loaded)
        try:
            async for event in events:
                for repaired in answer.repair(event):
                    yield await with_stored_image(repaired, self._turn.save_image)
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException:
            for kept in answer.interrupt(translate(INTERRUPTED, self._turn.context.locale)):
                yield kept
            raise
        for owed in answer.finish():
            yield await with_stored_image(owed, self._turn.save_image)

    async def _checked(
        self,
        event: ThreadStreamEvent,
        answer: AssistantMessageItem,
        moderator: SupportsModeration,
        thread: ThreadMetadata,
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield a complete answer if the moderation allows it; otherwise remove it and give the reason instead.

        Raises CustomStreamError, after the answer was removed, if it could not be checked.
        """
        try:
            reason = await moderate(moderator, answer_statement(answer), self._turn.context)
        except UnavailableError as error:
            yield ThreadItemRemovedEvent(item_id=answer.id)
            raise CustomStreamError(NOT_CHECKED, allow_retry=True) from error
        if reason is None:
            yield event
            return
        self._metrics.outcome = "moderated"
        yield ThreadItemRemovedEvent(item_id=answer.id)
        new_id = self.store.generate_item_id("message", thread, self._turn.context)
        content = [AssistantMessageContent(text=reason)]
        yield ThreadItemDoneEvent(item=answer.model_copy(update={"id": new_id, "content": content}))

    async def _may_store(self, answer: ThreadItem) -> bool:
        """Return whether a part of an answer may be stored when its turn is stopped."""
        if self._moderator is None or not isinstance(answer, AssistantMessageItem):
            return True
        try:
            return await moderate(self._moderator, answer_statement(answer), self._turn.context) is None
        except UnavailableError:
            logger.warning("the text so far was not stored, because it could not be checked")
            return False

    def _measure(self, event: ThreadStreamEvent) -> None:
        if isinstance(event, ThreadItemUpdatedEvent | ThreadItemDoneEvent):
            self._metrics.first_token()
        elif isinstance(event, ErrorEvent):
            self._metrics.outcome, self._metrics.error = "failed", str(event.code)

    async def handle_stream_cancelled(
        self, thread: ThreadMetadata, pending_items: list[ThreadItem], context: RequestContext
    ) -> None:
        """Store the answer so far. If the user stopped it, add a hidden note for the model's next turn."""
        if self._stop.reason is StopReason.SUPERSEDED:  # the process that has taken the turn over stores it
            await self._title.end()
            return
        for item in pending_items:
            item = at_rest(item if self._answer is None else self._answer.shown(item))
            if is_kept(item) and await self._may_store(item):
                # A duplicate means that the turn was stopped while ChatKit stored the complete answer.
                with suppress(DuplicateItemError):
                    await self.store.add_thread_item(thread.id, item, context)
        if self._stop.reason is StopReason.USER:
            note = SDKHiddenContextItem(
                id=self.store.generate_item_id("sdk_hidden_context", thread, context),
                thread_id=thread.id,
                created_at=datetime.now(),  # noqa: DTZ005 (ChatKit's times are naive)
                content=STOPPED_NOTE,
            )
            await self.store.add_thread_item(thread.id, note, context)
        await self._title_stopped(thread)

    async def _title_stopped(self, thread: ThreadMetadata) -> None:
        """Give a thread whose first turn was stopped before it had a title the first words of its message."""
        await self._title.end()
        self._title.apply_to(thread)
        if thread.title or self._message is None or not isinstance(self._assistant, SupportsTitles):
            return
        if title := first_words(" ".join(part.text for part in self._message.content)):
            await self._user_store.set_automatic_title(thread.id, title)

    async def transcribe(self, audio_input: AudioInput, context: RequestContext) -> TranscriptionResult:
        assert isinstance(self._assistant, SupportsTranscription)
        with contained():
            return await self._assistant.transcribe(audio_input, self._turn)

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> SyncCustomActionResponse:
        assert isinstance(self._assistant, SupportsSyncActions)
        with contained():
            return await self._assistant.sync_action(thread, action, sender, self._turn)


def _whole_answer(event: ThreadStreamEvent) -> AssistantMessageItem | None:
    """Return the answer that ChatKit stores because of this event."""
    if isinstance(event, ThreadItemDoneEvent | ThreadItemReplacedEvent):
        return event.item if isinstance(event.item, AssistantMessageItem) else None
    return None
