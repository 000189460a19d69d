"""An assistant that hands the user's words to everything that might write them.

ASSISTANT=tests.fakes.leaking_assistant:build
"""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from pydantic import BaseModel

from chat_api.assistant import AssistantSettings, Turn


class Wanted(BaseModel):
    amount: int


class PanicError(BaseException):
    """Like pyo3's PanicException, which is not an Exception."""


def build(settings: AssistantSettings) -> Leak:
    return Leak(settings)


class Leak:
    def __init__(self, settings: AssistantSettings) -> None:
        self._settings = settings

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        words = "".join(part.text for part in message.content) if message else ""
        kind, _, words = words.partition(" ")
        if kind == "emoji":
            for event in _emoji(thread):
                yield event
            return
        _leak(words + " " + await self._settings.api_key())
        logging.getLogger(__name__).info("a line of the assistant")
        logging.getLogger(__name__).error("lone \ud83d surrogate")
        if kind == "panic":
            raise PanicError(words)
        if kind == "exit":
            raise SystemExit(words)
        Wanted.model_validate({"amount": words})


def _leak(words: str) -> None:
    late = logging.getLogger("late_library")
    late.setLevel(logging.DEBUG)
    late.addHandler(logging.StreamHandler())
    late.debug(words)
    late.error(f"lost: {words}")
    exec("print(words); print(words, file=sys.stderr)", {"__name__": "late_library", "sys": sys, "words": words})
    warnings.warn(f"not read: {words}", stacklevel=1)
    os.write(2, words.encode())
    ctypes.CDLL(None).puts(words.encode())
    subprocess.run(["echo", words], check=True)
    thread = threading.Thread(target=int, args=(words,))
    thread.start()
    thread.join()
    try:
        int(words)
    except ValueError:
        traceback.print_exc()


def _emoji(thread: ThreadMetadata) -> list[ThreadStreamEvent]:
    def item(text: str) -> AssistantMessageItem:
        content = [AssistantMessageContent(text=text)]
        return AssistantMessageItem(id="m", thread_id=thread.id, created_at=datetime.now(), content=content)

    def delta(text: str) -> Any:
        update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
        return ThreadItemUpdatedEvent(item_id="m", update=update)

    done = item("a \ud83d" + "\ude00 b \ud83d")
    return [
        ThreadItemAddedEvent(item=item("")),
        delta("a \ud83d"),
        delta("\ude00 b \ud83d"),
        ThreadItemDoneEvent(item=done),
    ]
