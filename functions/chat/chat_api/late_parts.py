"""What only a request that asks the model needs, imported when the first one comes: most of what a process imports.

    late = LateParts(assistant)
    late.begin()                   # in a thread, and nobody waits
    await late.ready(20)           # off the event loop, once per process; 20 s at most

A list of threads needs no model. So a process answers what it can without these parts, and loads them behind its first
answer (`AssistantServer.prepare`), or beside the admission of a turn that comes first.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from contextlib import suppress

from chat_api.assistant import Assistant, SupportsPrepare
from chat_api.errors import UnavailableError


class LateParts:
    """ChatKit's server, which brings the Agents SDK, and what the assistant prepares."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._loading = threading.Lock()
        self.loaded = False
        self._beginning: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Import them if they are not there yet; raises what the assistant raises, each time anew."""
        with self._loading:
            if self.loaded:
                return
            importlib.import_module("chat_api.chatkit_run")
            if isinstance(self._assistant, SupportsPrepare):
                self._assistant.prepare()
            self.loaded = True

    async def ready(self, within_seconds: float | None = None) -> None:
        """Return when they are there, without keeping the event loop from other things.

        Raises what `load` raises, and UnavailableError when it takes longer (None: any time is allowed). The thread
        goes on then, and who asks again waits for the same.
        """
        if self.loaded:
            return
        try:
            async with asyncio.timeout(within_seconds):
                await asyncio.to_thread(self.load)
        except TimeoutError as error:
            raise UnavailableError("the assistant is not loaded in time") from error

    def begin(self) -> None:
        """Start to load them; `ready` tells of a failure."""
        if not self.loaded:
            # a task: the invocation waits for those that it started, also where the turn is refused (promise L4)
            self._beginning = asyncio.create_task(self._try())

    async def _try(self) -> None:
        with suppress(Exception):
            await self.ready()
