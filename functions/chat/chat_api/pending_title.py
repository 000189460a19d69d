"""A conversation's title, which the assistant generates while it answers the first message.

title = start_title(assistant, store, thread, message)
title.apply_to(thread)          # after each event
await title.wait(seconds)       # after the answer
await title.end()
"""

from __future__ import annotations

import asyncio
import logging

from chatkit.types import ThreadMetadata, UserMessageItem

from chat_api.assistant import Assistant, SupportsTitles
from chat_api.bounds import clean_title
from chat_api.user_store import UserStore

logger = logging.getLogger("chat_api.pending_title")


class PendingTitle:
    """A conversation's title, generated during its first answer; without a task, every method does nothing.

    The title is stored as soon as it is generated, unless the user has set one. On the turn's thread object it also
    reaches the client: ChatKit compares the thread after each event and sends an update. A failure is only logged,
    and the next message tries again.
    """

    def __init__(self, task: asyncio.Task[str | None] | None) -> None:
        self._task = task

    def apply_to(self, thread: ThreadMetadata) -> None:
        """Set the thread's title if it is available."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            thread.title = self._task.result() or thread.title

    async def wait(self, seconds: float) -> None:
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def end(self) -> None:
        """Cancel the task and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


def start_title(
    assistant: Assistant, store: UserStore, thread: ThreadMetadata, message: UserMessageItem | None
) -> PendingTitle:
    """Start generating a title, if the assistant supports titles and the thread has none."""
    if not isinstance(assistant, SupportsTitles) or message is None or thread.title:
        return PendingTitle(None)
    return PendingTitle(asyncio.create_task(_generate_title(assistant, store, thread.id, message)))


async def _generate_title(
    assistant: SupportsTitles, store: UserStore, thread_id: str, message: UserMessageItem
) -> str | None:
    try:
        title = clean_title(await assistant.title(message))
        return await store.set_automatic_title(thread_id, title) if title else None
    except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # the model's error may quote the message, so only its type is logged
        logger.warning("no title generated: %s", type(error).__name__)
        return None
