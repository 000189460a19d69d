"""A conversation's title, made beside its first answer.

    title = begin_title(assistant, titles, thread, message, context)
    …; title.show(thread)           # between events: ChatKit stores the change and tells the client
    await title.wait(3)             # at the end

It is stored when it is made, unless a user has given one (promise S12), and put on the turn's own thread object, so it
appears without a reload. A conversation without a title is no failure: it is logged, and the next message tries again.
"""

from __future__ import annotations

import asyncio
import logging

from chatkit.types import ThreadMetadata, UserMessageItem

from chat_api.assistant import SupportsTitles
from chat_api.context import RequestContext
from chat_api.records import Titles

logger = logging.getLogger("chat_api.titling")


class Title:
    """A title in the making; None when nothing is to be made."""

    def __init__(self, making: asyncio.Task[str | None] | None) -> None:
        self._making = making

    def show(self, thread: ThreadMetadata) -> None:
        """Put the title on the thread if it is there."""
        if self._making is not None and self._making.done() and not self._making.cancelled():
            thread.title = self._making.result() or thread.title

    async def wait(self, seconds: float) -> None:
        if self._making is not None:
            await asyncio.wait({self._making}, timeout=seconds)

    def cancel(self) -> None:
        if self._making is not None:
            self._making.cancel()

    async def end(self) -> None:
        """Make no title any more."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait({self._making})


def begin_title(
    assistant: object,
    titles: Titles,
    thread: ThreadMetadata,
    message: UserMessageItem | None,
    context: RequestContext,
) -> Title:
    """Begin to make a title, if the assistant makes titles and the thread has none."""
    if not isinstance(assistant, SupportsTitles) or message is None or thread.title:
        return Title(None)
    return Title(asyncio.create_task(_make(assistant, titles, thread.id, message, context)))


async def _make(
    assistant: SupportsTitles, titles: Titles, thread_id: str, message: UserMessageItem, context: RequestContext
) -> str | None:
    try:
        title = await assistant.title(message)
        return await titles.set_automatic_title(thread_id, title, context) if title else None
    except Exception as error:  # the model's refusal may quote the message: its kind is enough
        logger.warning("the conversation stays without a title: %s", type(error).__name__)
        return None
