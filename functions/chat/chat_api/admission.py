"""What can be refused is refused here, before ChatKit runs and before anything is stored (promise H3).

    await Admission(checks, limits, turns, message_files).admit(parse(body), thread_id, context)

ChatKit itself checks too late for a clean answer: it saves a new thread before it looks at the message's files, and a
streaming request raises only after its 200 has left.

Everything is asked at once, so that a turn waits for one round trip to the table: the turn's claim, its limits, and
what the request is about. A refused request gives its claim back, since a client may send it again under the same id
(ChatKit.js does after a 5xx). A message's files are taken last, and only by the one who has the claim: a second arrival
of the same turn would pass as their owner.
"""

from __future__ import annotations

import asyncio
import logging

from chatkit.types import ChatKitReq, is_streaming_req

from attachments_s3 import MessageFiles
from chat_api.context import RequestContext
from chat_api.errors import RepeatedTurnError
from chat_api.limits import Limits
from chat_api.records import Turns
from chat_api.request_checks import RequestChecks
from store_dynamo.errors import StoreError, TurnClaimedError

logger = logging.getLogger("chat_api.admission")


class Admission:
    """Checks a request, counts it, claims its turn and takes its files."""

    def __init__(
        self, checks: RequestChecks, limits: Limits, turns: Turns, files: MessageFiles[RequestContext]
    ) -> None:
        self._checks = checks
        self._limits = limits
        self._turns = turns
        self._files = files

    async def admit(self, request: ChatKitReq, thread_id: str, context: RequestContext) -> None:
        """Let a request through; `thread_id` is the thread it is about, or will make.

        Raises a RefusedError, ChatKit's NotFoundError, or the AttachmentError that says what is wrong with a file.
        """
        claim, *others = await asyncio.gather(
            self._claim(request, thread_id, context),
            self._checks.check(request, context),
            self._limits.count(request, context),
            return_exceptions=True,
        )
        try:
            for outcome in (claim, *others):
                if isinstance(outcome, BaseException):
                    raise outcome
            await self._files.admit(request, context.turn_id, context)
        except BaseException:
            if claim is True:
                await self._release(context)
            raise

    async def release(self, request: ChatKitReq, context: RequestContext) -> None:
        """Give back the files that `admit` took, because the message was not stored."""
        await self._files.release(request, context.turn_id, context)

    async def _claim(self, request: ChatKitReq, thread_id: str, context: RequestContext) -> bool:
        """Claim the turn, if the request is one (promise H10)."""
        if not is_streaming_req(request):
            return False
        try:
            await self._turns.claim(context.turn_id, thread_id, context)
        except TurnClaimedError as error:
            raise RepeatedTurnError(error.thread_id) from error
        return True

    async def _release(self, context: RequestContext) -> None:
        try:
            await self._turns.release(context.turn_id, context)
        except StoreError:
            logger.exception("a refused turn stays claimed")
