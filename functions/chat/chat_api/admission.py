"""Admission: rejects a request before ChatKit runs and before anything is stored.

    admission = Admission(store, message_files, assistant, limits, takeover)
    lock = await admission.admit(parse_request(body), thread_id, context)

ChatKit itself checks too late for a clean response: it saves a new thread before it looks at the message's files, and
a streaming request fails only after its 200 has been sent.

The turn's claim, its thread's lock, its limits and all other checks run concurrently, so a turn waits for one round
trip to the table. A rejected request releases both, because a client may send it again under the same id (ChatKit.js
does after a 5xx).
The message's files are taken last, and only with the claim: otherwise a second arrival of the same turn would own them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from chatkit.types import ChatKitReq, ThreadsAddUserMessageReq, ThreadsCreateReq, is_streaming_req

from attachments_s3 import MessageFiles
from chat_api.assistant import Assistant
from chat_api.attach.takeover import Takeover
from chat_api.context import RequestContext
from chat_api.errors import RepeatedTurnError
from chat_api.identity import IdentityError
from chat_api.limits import Limits, charge_of
from chat_api.request_checks import RequestChecks
from chat_api.running import ThreadLock
from store_dynamo import DynamoStore
from store_dynamo.errors import StoreError, TurnClaimedError

logger = logging.getLogger("chat_api.admission")

MessageReq = ThreadsCreateReq | ThreadsAddUserMessageReq


class Admission:
    """Checks a request, counts it, claims its turn, locks its thread and takes its files."""

    def __init__(
        self,
        store: DynamoStore[RequestContext],
        files: MessageFiles[RequestContext],
        assistant: Assistant,
        limits: Limits,
        takeover: Takeover,
    ) -> None:
        self._store = store
        self._takeover = takeover
        self._files = files
        self._limits = limits
        self._checks = RequestChecks(store, assistant)

    async def admit(self, request: ChatKitReq, thread_id: str, context: RequestContext) -> ThreadLock | None:
        """Admit a request; `thread_id` is its thread, or the one that it will create. Returns a turn's lock.

        Raises a RefusedError, ChatKit's NotFoundError, the AttachmentError that describes a file's fault, or
        IdentityError if the user's sign-in has ended, which hides every other fault.
        """
        charge = charge_of(request)
        claim, lock, checked, counted, room = await asyncio.gather(
            self._claim(request, thread_id, context),
            self._lock(request, thread_id, context),
            self._checks.check(request, context),
            self._limits.own(charge, context),
            self._limits.room(charge, context),
            return_exceptions=True,
        )
        try:
            first = counted if isinstance(counted, IdentityError) else None
            for outcome in (first, claim, checked, lock, counted, room):
                if isinstance(outcome, BaseException):
                    raise outcome
            await self._files.admit(request, context.turn_id, context)
        except BaseException:
            if isinstance(lock, ThreadLock):
                await lock.release()
            if claim is True:
                await self._release_claim(context)
            if counted is None:
                self._limits.leave(charge, context)
            raise
        assert not isinstance(lock, BaseException)
        assert not isinstance(checked, BaseException)
        return replace(lock, thread=checked) if lock is not None and lock.at_once else lock

    async def release_files(self, request: ChatKitReq, context: RequestContext) -> None:
        """Release the files that `admit` took, because the message was not stored."""
        await self._files.release(request, context.turn_id, context)

    async def withdraw(self, request: ChatKitReq, lock: ThreadLock | None, context: RequestContext) -> None:
        """Undo `admit` for a request that is refused afterwards, before anything was stored."""
        await self.release_files(request, context)
        if lock is not None:
            await lock.release()
        if is_streaming_req(request):
            await self._release_claim(context)
        self._limits.leave(charge_of(request), context)

    async def _claim(self, request: ChatKitReq, thread_id: str, context: RequestContext) -> bool:
        """Claim the turn, if the request is one, so that a repeated request does not run again."""
        if not is_streaming_req(request):
            return False
        try:
            await self._store.turns.claim(context.turn_id, thread_id, context)
        except TurnClaimedError as error:
            raise await self._repeated(request, error.thread_id, context) from error
        return True

    async def _repeated(self, request: ChatKitReq, thread_id: str | None, context: RequestContext) -> RepeatedTurnError:
        """Return the refusal of a repeated turn. If it died before it stored its message, that may be sent again."""
        if thread_id is None or not isinstance(request, MessageReq):
            return RepeatedTurnError(thread_id)
        lock = await self._store.running.find(thread_id, context)
        if lock is not None and lock.turn_id == context.turn_id:
            await self._takeover.of(lock, context)
        turn = await self._store.turns.find(context.turn_id, context)
        return RepeatedTurnError(thread_id, resend=turn is not None and turn.unsent)

    async def _lock(self, request: ChatKitReq, thread_id: str, context: RequestContext) -> ThreadLock | None:
        """Lock the thread, if the request is a turn, so that no other turn runs in it."""
        if not is_streaming_req(request):
            return None
        files = request.params.input.attachments if isinstance(request, MessageReq) else ()
        return await ThreadLock.take(self._store, self._takeover, thread_id, context, files)

    async def _release_claim(self, context: RequestContext) -> None:
        try:
            await self._store.turns.release(context.turn_id, context)
        except StoreError:
            logger.exception("the claim of a rejected turn was not released")
