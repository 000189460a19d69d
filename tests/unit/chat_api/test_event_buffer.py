"""The buffer between the producer and the response: bounded, with keep-alive comments; its reader stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chat_api.background_stream import (
    CAPACITY,
    END,
    KEEP_ALIVE,
    MAX_BYTES,
    MAX_EVENTS,
    BackgroundStream,
)
from chat_api.turn import StopReason, StopSignal

EVENT = b"data: x\n\n"


def stream_of(
    events: AsyncGenerator[bytes, None], silence_seconds: float = 5, *, waits: bool = False
) -> BackgroundStream:
    return BackgroundStream(events, StopSignal(), silence_seconds, waits=waits)


class Source:
    """Produces events without a pause and counts them."""

    def __init__(self, number: int, event: bytes = EVENT) -> None:
        self.number, self.event = number, event
        self.produced = 0

    async def events(self) -> AsyncGenerator[bytes, None]:
        for _ in range(self.number):
            self.produced += 1
            yield self.event


async def gated(gate: asyncio.Event) -> AsyncGenerator[bytes, None]:
    yield b"data: 1\n\n"
    await gate.wait()
    yield b"data: 2\n\n"


@pytest.mark.promise("H4")
@pytest.mark.feature("keep-alive")
async def test_silence_is_filled_between_events() -> None:
    gate, chunks = asyncio.Event(), list[bytes]()

    async for chunk in stream_of(gated(gate), 0.01).chunks():
        chunks.append(chunk)
        if chunks.count(KEEP_ALIVE) == 3:
            gate.set()

    assert chunks[0] == b"data: 1\n\n"
    assert chunks[-2:] == [b"data: 2\n\n", END]
    assert set(chunks[1:-2]) == {KEEP_ALIVE}


@pytest.mark.promise("H4")
@pytest.mark.parametrize("comment", [KEEP_ALIVE, END])
async def test_comment_is_a_line_that_ends_no_event(comment: bytes) -> None:
    assert comment.startswith(b":")
    assert comment.count(b"\n") == 1
    assert comment.endswith(b"\n")


@pytest.mark.promise("H4")
async def test_no_comment_while_events_come() -> None:
    chunks = [chunk async for chunk in stream_of(Source(1000).events()).chunks()]

    assert chunks == [EVENT] * 1000 + [END]


@pytest.mark.promise("L2")
@pytest.mark.promise("R6")
@pytest.mark.feature("slow-reader")
@pytest.mark.parametrize(
    ("event", "kept"), [(EVENT, MAX_EVENTS), (b"x" * 50_000, MAX_BYTES // 50_000)], ids=["number", "bytes"]
)
async def test_a_reader_that_stops_holds_up_nothing_and_its_response_ends_early(event: bytes, kept: int) -> None:
    source = Source(1000, event)
    stream = stream_of(source.events())
    chunks = stream.chunks()
    first = await anext(chunks)  # … and then the reader stops

    async with asyncio.timeout(5):
        await stream.ended()
    rest = [chunk async for chunk in chunks]

    assert source.produced == 1000
    assert first == event
    assert rest == [event] * kept  # what the buffer held, and no END: the client continues from the journal


@pytest.mark.promise("R6")
async def test_all_moments_of_waiting_for_a_slow_reader_are_bounded_together() -> None:
    source = Source(200)
    stream = stream_of(source.events())
    clock = asyncio.get_running_loop().time
    begun = clock()

    async def read_slowly() -> list[bytes]:
        chunks = list[bytes]()
        async for chunk in stream.chunks():
            chunks.append(chunk)
            await asyncio.sleep(0.02)
        return chunks

    reading = asyncio.create_task(read_slowly())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await stream.ended()

    assert clock() - begun < 1.5  # 200 events at the reader's pace take four seconds
    assert END not in await reading


@pytest.mark.promise("L2")
async def test_one_event_may_be_larger_than_the_buffer() -> None:
    chunks = [chunk async for chunk in stream_of(Source(3, b"x" * 2 * MAX_BYTES).events()).chunks()]

    assert len(chunks) == 4
    assert chunks[-1] == END


@pytest.mark.promise("L2")
async def test_without_a_journal_the_producer_waits_for_a_slow_reader() -> None:
    source = Source(1000)
    stream = stream_of(source.events(), waits=True)
    chunks = stream.chunks()
    await anext(chunks)
    await asyncio.sleep(0.4)
    produced = source.produced
    rest = [chunk async for chunk in chunks]

    assert produced <= 2 * CAPACITY
    assert rest == [EVENT] * 999 + [END]


@pytest.mark.promise("R6")
@pytest.mark.feature("reader-left")
@pytest.mark.parametrize("waits", [False, True])
async def test_reader_that_goes_away_does_not_stop_the_turn(waits: bool) -> None:
    source = Source(1000)
    stop, gate = StopSignal(), asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        async for event in stop.guard(gated(gate)):
            yield event
        async for event in source.events():
            yield event

    stream = BackgroundStream(events(), stop, 5, waits=waits)
    chunks = stream.chunks()
    await anext(chunks)
    await chunks.aclose()
    gate.set()
    async with asyncio.timeout(5):
        await stream.ended()

    assert source.produced == 1000
    assert stop.reason is None


@pytest.mark.promise("H6")
async def test_a_process_that_ends_stops_the_turn_and_waits_for_its_end() -> None:
    stop, ended = StopSignal(), asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            async for event in stop.guard(gated(asyncio.Event())):
                yield event
        finally:
            await asyncio.sleep(0.05)  # storing the answer so far
            ended.set()

    stream = BackgroundStream(events(), stop, 5)
    await anext(stream.chunks())
    waiting = asyncio.create_task(stream.ended())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})

    assert waiting.cancelled()
    assert ended.is_set()
    assert stop.reason is StopReason.ABANDONED


@pytest.mark.promise("R4")
async def test_a_superseded_turn_does_not_claim_to_be_complete() -> None:
    stop = StopSignal()

    async def events() -> AsyncGenerator[bytes, None]:
        yield EVENT
        stop.trigger(StopReason.SUPERSEDED)

    assert [chunk async for chunk in BackgroundStream(events(), stop, 5).chunks()] == [EVENT]


async def test_failure_of_the_producer_reaches_the_reader() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        async for _ in stream_of(broken()).chunks():
            pass
