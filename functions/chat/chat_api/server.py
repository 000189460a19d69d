"""ChatKit's server for any assistant: requests are admitted first, then ChatKit carries them out.

    result = await AssistantServer(store, files, assistant, admission, limits).process(body, context)

`process` of ChatKit parses, then runs; ours parses once and admits in between. After admission a streaming request
ends in an event stream whatever happens: ChatKit.js posts again, up to five times, on a 5xx or on a 200 that is no
event stream.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from chatkit.errors import ErrorCode
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import Store
from chatkit.types import (
    ErrorEvent,
    StreamingReq,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    is_streaming_req,
)

from attachments_s3 import ModelInput, ModelLimits, S3AttachmentStore
from chat_api.admission import Admission
from chat_api.assistant import Assistant, Turn
from chat_api.bound_store import BoundStore
from chat_api.context import RequestContext
from chat_api.requests import parse

logger = logging.getLogger("chat_api.server")

ITEM_DONE = b'data: {"type":"thread.item.done"'
"""Begins the first event that tells of something stored: the user's message."""


class AssistantServer(ChatKitServer[RequestContext]):
    """One `ChatKitServer` for the life of the process; what belongs to a turn travels in its `RequestContext`."""

    def __init__(
        self,
        store: Store[RequestContext],
        files: S3AttachmentStore[RequestContext],
        assistant: Assistant,
        admission: Admission,
        limits: ModelLimits,
    ) -> None:
        super().__init__(store, files)
        self._files = files
        self._assistant = assistant
        self._admission = admission
        self._limits = limits

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Carry out one request of ChatKit's protocol.

        Raises a RefusedError or ChatKit's NotFoundError before anything is stored; once a StreamingResult is returned,
        every failure is an `error` event of its stream.
        """
        admitted = await self._admission.admit(parse(request), context)
        logger.info("request admitted", extra={"op": admitted.type})
        if is_streaming_req(admitted):
            return StreamingResult(self._events(admitted, context))
        return NonStreamingResult(await self._process_non_streaming(admitted, context))

    async def upload(self, name: str, mime_type: str, data: bytes, context: RequestContext) -> bytes:
        """Take a file's bytes directly and return the attachment as JSON for the client.

        Raises an AttachmentError that says what is wrong with the file.
        """
        attachment = await self._files.put(name, mime_type, data, context)
        await self.store.save_attachment(attachment, context)
        return self._serialize(attachment)

    async def _events(self, request: StreamingReq, context: RequestContext) -> AsyncGenerator[bytes, None]:
        stored = False
        try:
            async with aclosing(self._process_streaming(request, context)) as events:
                async for event in events:
                    stored = stored or event.startswith(ITEM_DONE)
                    yield event
        except Exception:
            logger.exception("the turn failed outside the assistant")
            if not stored:
                await self._give_back(request, context)
            failure = ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=True)
            yield b"data: " + self._serialize(failure) + b"\n\n"

    async def _give_back(self, request: StreamingReq, context: RequestContext) -> None:
        try:
            await self._admission.release(request, context)
        except Exception:
            logger.exception("files stay claimed until they expire")

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the assistant's events for one turn; when the turn ends in any way, the model is stopped."""
        turn = self._turn(context)
        try:
            async for event in self._assistant.respond(thread, input_user_message, turn):
                yield event
        finally:
            turn.stop()

    def _turn(self, context: RequestContext) -> Turn:
        model_input = ModelInput(self._files, context, self._limits)
        return Turn(
            context=context,
            store=BoundStore(self.store, context),
            attachment_content=model_input.part,
            image_content=model_input.generated_image,
            save_image=lambda image, partial: self._files.images.put(image, context, partial=partial),
        )
