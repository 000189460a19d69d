"""The pace of the local model: a test holds an answer in the middle for as long as it needs, on a busy machine too.

with paced(stack.model) as pace:
    pace.hold(words=8)          # each answer stops after eight words
    …                           # ask, reload, attach
    pace.finish()               # the rest comes at once
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tools.local.openai.server import ModelServer

TEXT = "response.output_text.delta"
ARGUMENTS = "response.function_call_arguments.delta"
QUICK_SECONDS = 0.002
"""The model's pause before each word, for tests that do not look at the pace."""
LIMIT_SECONDS = 60


class Pace:
    """Holds and releases the model's answers."""

    def __init__(self, model: ModelServer) -> None:
        self._model = model

    def hold(self, words: int = 8, kind: str = TEXT) -> None:
        """Let each answer stop after so many words, or after so many pieces of a call (ARGUMENTS)."""
        self._model.limits[kind] = words

    def finish(self) -> None:
        """Let all answers go on to their end."""
        self._model.limits.clear()

    async def stopped(self) -> None:
        """Wait until the connection of each unfinished answer is closed."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while any(  # noqa: ASYNC110 (the server has its own thread)
                each.delta_times and not (each.completed_at or each.closed_early_at)
                for each in list(self._model.requests)
            ):
                await asyncio.sleep(0.02)


@contextmanager
def paced(model: ModelServer | None) -> Iterator[Pace]:
    """Yield the pace of a model; in the end, no answer is held."""
    assert model is not None, "the stack uses OpenAI"
    pace = Pace(model)
    try:
        yield pace
    finally:
        pace.finish()
