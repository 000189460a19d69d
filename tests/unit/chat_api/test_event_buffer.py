"""The buffer between the producer and the response: bounded, with keep-alive comments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chat_api.turn import KEEP_ALIVE, StopReason, StopSignal, stream_in_background


async def gated(gate: asyncio.Event) -> AsyncGenerator[bytes, None]:
    yield b"data: 1\n\n"
    await gate.wait()
    yield b"data: 2\n\n"


@pytest.mark.promise("H4")
@pytest.mark.feature("keep-alive")
async def test_silence_is_filled_between_events() -> None:
    gate, chunks = asyncio.Event(), list[bytes]()

    async for chunk in stream_in_background(gated(gate), StopSignal(), silence_seconds=0.01):
        chunks.append(chunk)
        if chunks.count(KEEP_ALIVE) == 3:
            gate.set()

    assert chunks[0] == b"data: 1\n\n"
    assert chunks[-1] == b"data: 2\n\n"
    assert set(chunks[1:-1]) == {KEEP_ALIVE}


@pytest.mark.promise("H4")
async def test_comment_is_a_line_that_ends_no_event() -> None:
    assert KEEP_ALIVE.startswith(b":")
    assert KEEP_ALIVE.count(b"\n") == 1
    assert KEEP_ALIVE.endswith(b"\n")


@pytest.mark.promise("H4")
async def test_no_comment_while_events_come() -> None:
    async def busy() -> AsyncGenerator[bytes, None]:
        for _ in range(100):
            yield b"data: x\n\n"

    chunks = [chunk async for chunk in stream_in_background(busy(), StopSignal(), silence_seconds=5)]

    assert chunks == [b"data: x\n\n"] * 100


@pytest.mark.promise("H6")
async def test_reader_that_goes_away_ends_the_producer() -> None:
    stop, gate, ended = StopSignal(), asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            async for event in stop.guard(gated(gate)):
                yield event
        finally:
            ended.set()

    chunks = stream_in_background(events(), stop, silence_seconds=5)
    await anext(chunks)
    await chunks.aclose()

    assert ended.is_set()
    assert stop.reason is StopReason.ABANDONED


async def test_failure_of_the_producer_reaches_the_reader() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        async for _ in stream_in_background(broken(), StopSignal(), silence_seconds=5):
            pass
