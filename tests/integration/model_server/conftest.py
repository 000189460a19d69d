"""A local model server per test module, and the real `openai` client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import openai
import pytest

from tools.local.openai.server import API_KEY, ModelServer

MODEL = "gpt-6.1-terra"


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_seconds=0.005) as server:
        yield server


@pytest.fixture
async def client(model: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=model.url, api_key=API_KEY, max_retries=0) as client:
        yield client


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until another thread makes `condition()` true. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
