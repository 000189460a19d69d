"""ChatKit for any assistant: a request is admitted first, then ChatKit carries it out under guard.

    result = await AssistantServer(store, files, assistant, records).process(body, context)

After admission a streaming request ends in an event stream whatever happens: ChatKit.js posts again, up to five times,
on a 5xx or on a 200 that is no event stream. How a turn ends early is told in `stopping.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chatkit.errors import ErrorCode
from chatkit.types import Attachment, ChatKitReq, ErrorEvent, StreamingReq, is_streaming_req

from attachments_s3 import MessageFiles, ModelInput, ModelLimits, S3AttachmentStore
from chat_api.admission import Admission
from chat_api.assistant import Assistant, Entity, SupportsMentions, SupportsOverview, Turn
from chat_api.bound_store import BoundStore
from chat_api.choices import offered
from chat_api.context import RequestContext
from chat_api.errors import NotFoundRequestError
from chat_api.late_parts import LateParts
from chat_api.limits import Limits
from chat_api.outbox import produced
from chat_api.records import Records
from chat_api.request_checks import RequestChecks
from chat_api.requests import parse
from chat_api.results import NonStreamingResult, StreamingResult
from chat_api.settings import LimitSettings
from chat_api.stopping import StopReason
from chat_api.store_answers import StoreRequest, answer
from chat_api.timing import Timing
from chat_api.turn_meter import TurnMeter
from chat_api.turn_state import TurnState
from chat_api.watch import watch

if TYPE_CHECKING:
    from chat_api.chatkit_run import ChatKitRun

logger = logging.getLogger("chat_api.server")

ITEM_DONE = b'data: {"type":"thread.item.done"'
"""Begins the first event that tells of something stored: the user's message."""
OUT_OF_TIME = "The answer took too long and was cut off here. Please try again, or ask for less at once."


class AssistantServer:
    """Carries out requests of any user, for the life of the process."""

    def __init__(
        self,
        store: Any,
        files: S3AttachmentStore[RequestContext],
        assistant: Assistant,
        records: Records,
        *,
        limits: LimitSettings | None = None,
        timing: Timing | None = None,
        model_limits: ModelLimits | None = None,
        on_turn: Callable[[TurnMeter], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._files = files
        self._assistant = assistant
        self._late = LateParts(assistant)
        self._records = records
        self._limits = Limits(records.rates, limits or LimitSettings())
        self._timing = timing or Timing()
        checks = RequestChecks(store, assistant)
        self._admission = Admission(checks, self._limits, records.turns, MessageFiles(store, files))
        self._model_limits = model_limits or ModelLimits()
        self._on_turn = on_turn

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Carry out one request of ChatKit's protocol.

        Raises a RefusedError or ChatKit's NotFoundError before anything is stored; once a StreamingResult is returned,
        every failure is an `error` event of its stream.
        """
        state = TurnState()
        parsed = parse(request)
        if not isinstance(parsed, StoreRequest):
            self._late.begin()
        thread_id = _thread_of(parsed) or self._store.generate_thread_id(context)
        await self._admission.admit(parsed, thread_id, context)
        logger.info("request admitted", extra={"op": parsed.type, "thread_id": thread_id})
        if isinstance(parsed, StoreRequest):
            return NonStreamingResult(await answer(parsed, self._store, self._files, self._records.feedback, context))
        store = BoundStore(self._store, context, thread_id)
        turn = self._turn(store, context)
        if is_streaming_req(parsed):
            events = self._events(parsed, store, turn, state)
            return StreamingResult(produced(events, state.stop, self._timing.keep_alive))
        return NonStreamingResult(await (await self._run(store, turn, state)).answer(parsed))

    def load(self) -> None:
        """Load what a turn needs; for a start at which nobody waits."""
        self._late.load()

    async def prepare(self) -> None:
        """Load what the turn that comes next will need; a failure is logged, and that turn will tell it."""
        try:
            await self._late.ready()
        except Exception:
            logger.exception("the assistant cannot be loaded")

    async def upload(self, name: str, mime_type: str, data: bytes, context: RequestContext) -> Attachment:
        """Take a file's bytes directly. Raises TooManyRequestsError, or the AttachmentError that says what is wrong."""
        await self._limits.upload(context)
        attachment = await self._files.put(name, mime_type, data, context)
        await self._store.save_attachment(attachment, context)
        return attachment

    async def cancel(self, turn_id: str, context: RequestContext) -> None:
        """Ask a turn of this user to stop; nothing happens to one that is over.

        It may arrive while the turn itself is being admitted, so an unknown one is waited for. Raises
        NotFoundRequestError.
        """
        timing = self._timing
        waited = 0.0
        while not await self._records.turns.cancel(turn_id, context):
            if waited >= timing.cancel_wait:
                raise NotFoundRequestError(f"Turn {turn_id} not found")
            await asyncio.sleep(timing.cancel_poll)
            waited += timing.cancel_poll

    async def entities(self, query: str, context: RequestContext) -> list[Entity]:
        """Return what the user may mention. Raises NotFoundRequestError when the assistant knows no such things."""
        if not isinstance(self._assistant, SupportsMentions):
            raise NotFoundRequestError("this assistant has nothing to mention")
        return await self._assistant.entities(query, self._turn(BoundStore(self._store, context), context))

    def composer(self) -> dict[str, Any]:
        """Return what the assistant offers the composer."""
        return offered(self._assistant)

    async def overview(self, context: RequestContext) -> Mapping[str, Any]:
        """Return what the assistant shows of the user beside the chat. Raises NotFoundRequestError for nothing."""
        if not isinstance(self._assistant, SupportsOverview):
            raise NotFoundRequestError("this assistant has no overview")
        return await self._assistant.overview(self._turn(BoundStore(self._store, context), context))

    async def count_session(self, context: RequestContext) -> None:
        """Count a session of hosted mode as a turn; OpenAI limits what it does. Raises TooManyRequestsError."""
        await self._limits.turn(context)

    async def _events(
        self, request: StreamingReq, store: BoundStore, turn: Turn, state: TurnState
    ) -> AsyncGenerator[bytes, None]:
        """Yield the turn's events; run by one task from start to end."""
        stored = False
        try:
            async with (
                watch(state.stop, self._records.turns, turn.context, self._timing),
                aclosing((await self._run(store, turn, state)).stream(request)) as events,
            ):
                async for event in events:
                    stored = stored or event.startswith(ITEM_DONE)
                    yield event
        except asyncio.CancelledError:
            if state.stop.reason is None:
                raise
            state.meter.outcome = state.stop.reason.name.lower()
            if state.stop.reason is StopReason.DEADLINE:
                yield _error(ErrorEvent(code="custom", message=OUT_OF_TIME, allow_retry=True))
        except Exception as error:
            logger.exception("the turn failed outside the assistant")
            state.meter.fail(error)
            if not stored:
                await self._give_back(request, turn.context)
            yield _error(ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=True))
        finally:
            await self._account(turn, state.meter)

    async def _account(self, turn: Turn, meter: TurnMeter) -> None:
        """Measure the turn and take its tokens from the budget."""
        meter.end(turn)
        logger.info("turn ended", extra=meter.summary())
        self._on_turn(meter)
        try:
            await self._limits.spend(meter.input_tokens + meter.output_tokens)
        except Exception:
            logger.exception("a turn's tokens were not counted")

    async def _give_back(self, request: StreamingReq, context: RequestContext) -> None:
        try:
            await self._admission.release(request, context)
        except Exception:
            logger.exception("files stay claimed until they expire")

    async def _run(self, store: BoundStore, turn: Turn, state: TurnState) -> ChatKitRun:
        """Return ChatKit for one request. Raises UnavailableError if it is not loaded by the turn's deadline."""
        await self._late.ready(self._timing.left(turn.context.deadline))
        from chat_api.chatkit_run import ChatKitRun  # it is imported by now

        return ChatKitRun(store, self._assistant, turn, state, self._records, self._timing)

    def _turn(self, store: BoundStore, context: RequestContext) -> Turn:
        model_input = ModelInput(self._files, context, self._model_limits)
        return Turn(
            context=context,
            store=store,
            attachment_content=model_input.part,
            image_content=model_input.generated_image,
            save_image=lambda image, partial: self._files.images.put(image, context, partial=partial),
        )


def _thread_of(request: ChatKitReq) -> str | None:
    return getattr(request.params, "thread_id", None)


def _error(event: ErrorEvent) -> bytes:
    return b"data: " + event.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n\n"
