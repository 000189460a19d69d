"""ChatKit for any assistant: parses a request, admits it, and processes it.

    server = AssistantServer(store, files, assistant)
    result = await server.process(body, context)

`AssistantServer` wires everything that follows from the store, the files and the assistant; the handler, the tests and
the fuzzer all use it. After admission a streaming request always ends in an event stream, because ChatKit.js repeats a
request up to five times after a 5xx or a 200 that is not an event stream. `turn.py` explains how a turn is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chatkit.errors import ErrorCode
from chatkit.store import NotFoundError
from chatkit.types import Attachment, ChatKitReq, ErrorEvent, StreamingReq, is_streaming_req

from attachments_s3 import Envelope, MessageFiles, ModelInput, ModelLimits, S3AttachmentStore, SupportsScan
from attachments_s3.errors import GoneError
from chat_api.admission import Admission
from chat_api.assistant import (
    Assistant,
    Entity,
    SupportsMentions,
    SupportsModeration,
    SupportsOverview,
    SupportsOverviewChanges,
    Turn,
    accepts_attachments,
    composer_options,
    no_lease,
)
from chat_api.attach.producer import Lease
from chat_api.attach.reader import TurnReaders
from chat_api.attach.takeover import Takeover
from chat_api.background_stream import BackgroundStream
from chat_api.context import RequestContext
from chat_api.error_responses import error_event, reported
from chat_api.errors import InvalidRequestError, ModeratedError, NotFoundRequestError, contained
from chat_api.limits import Limits, Stay, charge_of
from chat_api.moderation import moderate, statement_of
from chat_api.parsing import parse_request
from chat_api.request_checks import check_attachments
from chat_api.running import ThreadLock
from chat_api.settings import LimitSettings
from chat_api.store_answers import NonStreamingResult, StoreRequest, answer_with_turns, hit_entry
from chat_api.telemetry import TurnMetrics
from chat_api.turn import StopReason, StopSignal, Timing, watch
from chat_api.user_store import UserApprovals, UserStore, allowance_entry
from chat_api.warmup import DeferredImports
from languages import localized, say, translate
from store_dynamo import DynamoStore
from store_dynamo.audit import Action
from store_dynamo.errors import InvalidIdError, StoreError
from store_dynamo.query import InvalidQueryError, SearchQuery

if TYPE_CHECKING:
    from chat_api.chatkit_run import ChatKitRun

logger = logging.getLogger("chat_api.server")

ITEM_DONE = b'data: {"type":"thread.item.done"'
"""The start of the first event about a stored item: the user's message."""
OPEN_SECONDS = 300
NO_FILE = say("this file does not exist (any more), or was not sent: reload the conversation")
OUT_OF_TIME = say("The answer took too long and was cut off here. Please try again, or ask for less at once.")


@dataclass(frozen=True, slots=True)
class StreamingResult:
    """Server-sent events, like ChatKit's class, whose module would import the Agents SDK, and their turn."""

    json_events: AsyncGenerator[bytes]
    turn: BackgroundStream
    """The turn goes on after its response: await `turn.ended()`."""


class AssistantServer:
    """Processes the requests of all users, for the life of the process."""

    def __init__(
        self,
        store: DynamoStore[RequestContext],
        files: S3AttachmentStore[RequestContext],
        assistant: Assistant,
        *,
        limits: LimitSettings | None = None,
        timing: Timing | None = None,
        model_limits: ModelLimits | None = None,
        on_turn: Callable[[TurnMetrics], None] = lambda _: None,
        show_errors: bool = False,
        loading: Callable[[], AbstractContextManager[None]] = nullcontext,
        lease_store: DynamoStore[RequestContext] | None = None,
    ) -> None:
        """Take `lease_store`, the same store with threads of its own, for the lock and the journal of running turns."""
        self._store = store
        self._lease_store = lease_store or store
        self._store.on_delete = self._record_deletion
        self._files = files
        self._assistant = assistant
        self._deferred = DeferredImports(assistant, loading)
        self.limits = Limits(store.rates, limits or LimitSettings(), store.access)
        self.readers = TurnReaders(store, self.limits)
        self._timing = timing or Timing()
        scanner = assistant if isinstance(assistant, SupportsScan) else None
        self._moderator = assistant if isinstance(assistant, SupportsModeration) else None
        message_files = MessageFiles(store, files, scanner)
        self._takeover = Takeover(store, message_files, self._moderator)
        self._admission = Admission(store, message_files, assistant, self.limits, self._takeover)
        self._model_limits = model_limits or ModelLimits()
        self._envelope_secret = secrets.token_bytes(16)
        self._on_turn = on_turn
        self._show_errors = show_errors

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Process one request of the ChatKit protocol.

        Raises a RefusedError or ChatKit's NotFoundError before anything is stored. After a StreamingResult is
        returned, every failure is an `error` event of its stream.
        """
        stop, metrics = StopSignal(), TurnMetrics()
        parsed = parse_request(request)
        if not isinstance(parsed, StoreRequest):
            self._deferred.start()
        thread_id = getattr(parsed.params, "thread_id", None) or self._store.generate_thread_id(context)
        lock = await self._admission.admit(parsed, thread_id, context)
        if self._moderator is not None:
            await self._moderate(parsed, self._moderator, lock, context)
        logger.info("request admitted", extra={"op": parsed.type, "thread_id": thread_id})
        if isinstance(parsed, StoreRequest):
            return await answer_with_turns(parsed, self._store, self._files, self._takeover, context)
        stay = self.limits.stay(charge_of(parsed), context)
        withholds = self._moderator is not None
        lease = Lease(self._lease_store, lock, stop, self._timing, withholds_answers=withholds) if lock else None
        store = UserStore(self._store, context, thread_id, lease, lock.thread if lock else None)
        turn = self._turn(store, context, lease)
        if is_streaming_req(parsed):
            assert lease is not None
            produced = self._events(parsed, store, turn, stop, metrics, stay)
            events = lease.events(produced, lambda: metrics.outcome)
            stream = BackgroundStream(events, stop, self._timing.keep_alive, waits=not self._timing.journal)
            return StreamingResult(stream.chunks(), stream)
        try:
            run = await self._run(store, turn, stop, metrics)
            return NonStreamingResult(await run.answer(parsed))
        finally:
            if turn.missing_model:  # sets off an alarm
                self._end(turn, metrics, stay)
            else:
                stay.end(turn.input_tokens + turn.output_tokens)

    def load(self) -> None:
        """Load everything a turn needs. Blocking; call it at startup, never while serving a request."""
        self._deferred.load()

    async def load_in_background(self) -> None:
        """Load everything a turn needs, off the event loop. A failure is logged and repeats in the next turn."""
        try:
            await self._deferred.wait()
        except Exception:
            logger.exception("the assistant cannot be loaded")

    async def upload(self, name: str, mime_type: str, data: bytes, context: RequestContext) -> Attachment:
        """Store a directly uploaded file. Raises an AttachmentError, or InvalidRequestError."""
        check_attachments(self._assistant)
        attachment = await self._files.put(name, mime_type, data, context)
        await self._store.save_attachment(attachment, context)
        return attachment

    async def file_url(self, attachment_id: str, context: RequestContext) -> str:
        """Return a URL that opens a file of the user's own messages for a few minutes. Raises NotFoundRequestError."""
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
            url = await self._files.url(attachment, context, OPEN_SECONDS)
        except (NotFoundError, InvalidIdError, GoneError) as error:
            raise NotFoundRequestError(NO_FILE) from error
        logger.info("file opened", extra={"attachment_id": attachment.id})
        return url

    async def cancel(self, turn_id: str, context: RequestContext) -> None:
        """Cancel a turn of this user; has no effect after its end.

        The request may arrive before its turn, so the cancellation of an unknown turn is remembered for a minute.
        """
        await self._store.turns.cancel(turn_id, context)

    async def entities(self, query: str, context: RequestContext) -> list[Entity]:
        """Return the entities that the user may mention. Raises NotFoundRequestError if the assistant has none."""
        if not isinstance(self._assistant, SupportsMentions):
            raise NotFoundRequestError(say("this assistant has no entities to mention"))
        with contained():
            return await self._assistant.entities(query, self._turn(UserStore(self._store, context), context))

    async def search(self, query: str, after: str | None, context: RequestContext) -> dict[str, Any]:
        """Find the user's own conversations by words. Raises InvalidRequestError.

        `snippet` has parts of the text, of which every second one matched. Unless `complete`, `after` continues.
        """
        try:
            found = await self._store.search.find(SearchQuery.parse(query), context, after)
        except InvalidQueryError as error:
            raise InvalidRequestError(say("the search {fault}", fault=error)) from error
        logger.info("searched", extra={"threads": found.threads, "messages": found.records, "hits": len(found.hits)})
        hits = [hit_entry(each) for each in found.hits]
        return {"data": hits, "complete": found.after is None, "after": found.after, "threads": found.threads}

    def composer(self, context: RequestContext) -> dict[str, Any]:
        """Return the composer's options: models, tools, dictation, mentions, attachments."""
        options = localized(composer_options(self._assistant), context.locale)
        return {**options, "attachments": self.attachment_policy()}

    def attachment_policy(self) -> Mapping[str, Any]:
        """Return the accepted file types and sizes."""
        return {**self._files.policy.public(), "enabled": accepts_attachments(self._assistant)}

    async def overview(self, context: RequestContext) -> Mapping[str, Any]:
        """Return the assistant's data about the user. Raises NotFoundRequestError if it has none."""
        if not isinstance(self._assistant, SupportsOverview):
            raise NotFoundRequestError(say("this assistant has no overview"))
        with contained():
            return await self._assistant.overview(self._turn(UserStore(self._store, context), context))

    async def change_overview(self, change: Mapping[str, Any], context: RequestContext) -> Mapping[str, Any]:
        """Carry out a user's change of the overview and return the new one. Raises NotFoundRequestError."""
        if not isinstance(self._assistant, SupportsOverviewChanges):
            raise NotFoundRequestError(say("this assistant's overview cannot be changed"))
        return await self._assistant.change_overview(change, self._turn(UserStore(self._store, context), context))

    async def allowances(self, context: RequestContext) -> dict[str, Any]:
        """Return what the user always allows, the newest first."""
        found = await self._store.allowances.list(context)
        return {"data": [allowance_entry(each) for each in found]}

    async def revoke(self, allowance_id: str, context: RequestContext) -> None:
        """End an allowance of the user, from the next call on; does nothing if there is none. Raises InvalidIdError."""
        if await self._store.allowances.revoke(allowance_id, context):
            await self.record("allowance.revoked", context, allowance_id)

    async def sign_out(self, context: RequestContext) -> None:
        """End the user's sessions on all devices: from now on, a token of an earlier sign-in is refused."""
        await self._store.access.sign_out(context, datetime.now(UTC))
        await self.record("sign-out", context)

    async def record(self, name: str, context: RequestContext, target: str = "") -> None:
        """Add a user's own action to the audit record. It has taken effect, so a failure is only logged, in full."""
        action = Action(name, context.user_id, context.user_id, target, context.source, context.request_id)
        try:
            await self._store.audit.write(action)
        except StoreError:
            logger.exception("not in the audit record", extra={"audit": asdict(action)})

    async def _record_deletion(self, kind: str, deleted_id: str, context: RequestContext) -> None:
        await self.record(f"{kind}.delete", context, deleted_id)

    async def _moderate(
        self, request: ChatKitReq, moderator: SupportsModeration, lock: ThreadLock | None, context: RequestContext
    ) -> None:
        """Let the assistant check the client's text; undo admission if it is refused.

        Raises ModeratedError or UnavailableError.
        """
        if (statement := statement_of(request)) is None:
            return
        try:
            if reason := await moderate(moderator, statement, context):
                raise ModeratedError(reason)
        except BaseException:
            await self._admission.withdraw(request, lock, context)
            raise

    async def _events(
        self, request: StreamingReq, store: UserStore, turn: Turn, stop: StopSignal, metrics: TurnMetrics, stay: Stay
    ) -> AsyncGenerator[bytes, None]:
        """Yield the turn's events; one task runs this generator from start to end."""
        stored = False
        try:
            async with (
                watch(stop, self._store.turns, turn.context, self._timing),
                aclosing((await self._run(store, turn, stop, metrics)).stream(request)) as events,
            ):
                async for event in events:
                    stored = stored or event.startswith(ITEM_DONE)
                    yield self._reported(event, turn, metrics)
        except asyncio.CancelledError:
            if stop.reason is None:
                raise
            metrics.outcome = stop.reason.name.lower()
            if stop.reason is StopReason.DEADLINE:
                message = translate(OUT_OF_TIME, turn.context.locale)
                late = error_event(ErrorEvent(code="custom", message=message, allow_retry=True))
                yield self._reported(late, turn, metrics)
        except Exception as error:
            logger.exception("the turn failed outside the assistant")
            metrics.failed(error)
            if not stored:
                await self._release_files(request, turn.context)
            failed = error_event(ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=True))
            yield self._reported(failed, turn, metrics)
        finally:
            self._end(turn, metrics, stay)

    def _reported(self, event: bytes, turn: Turn, metrics: TurnMetrics) -> bytes:
        return reported(event, turn.context.request_id, metrics.cause if self._show_errors else None)

    def _end(self, turn: Turn, metrics: TurnMetrics, stay: Stay) -> None:
        """End the turn's stay and report its metrics."""
        metrics.ended(turn)
        stay.end(metrics.input_tokens + metrics.output_tokens)
        logger.info("turn ended", extra=metrics.summary())
        self._on_turn(metrics)

    async def _release_files(self, request: StreamingReq, context: RequestContext) -> None:
        try:
            await self._admission.release_files(request, context)
        except Exception:
            logger.exception("the message's files remain claimed until they expire")

    async def _run(self, store: UserStore, turn: Turn, stop: StopSignal, metrics: TurnMetrics) -> ChatKitRun:
        """Return ChatKit for one request. Raises UnavailableError if it is not loaded by the turn's deadline."""
        await self._deferred.wait(self._timing.left(turn.context.deadline))
        from chat_api.chatkit_run import ChatKitRun  # already imported

        return ChatKitRun(store, self._assistant, turn, stop, metrics, self._timing)

    def _turn(self, store: UserStore, context: RequestContext, lease: Lease | None = None) -> Turn:
        envelope = Envelope.of(context.user_id, self._envelope_secret)
        model_input = ModelInput(self._files, context, self._model_limits, envelope)
        return Turn(
            context=context,
            store=store,
            attachment_content=model_input.part,
            image_content=model_input.generated_image,
            save_image=lambda image, partial: self._files.images.put(image, context, partial=partial),
            search=lambda query: self.search(query, None, context),
            envelope=envelope,
            approvals=lease
            and UserApprovals(self._store.approvals, self._store.allowances, context, lease.claim, self.record),
            confirm=lease.confirm if lease else no_lease,
        )
