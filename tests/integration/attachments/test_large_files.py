"""Memory of this process for files from one byte to 50 MB."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.contracts.attachments import ANN, AnyFile, World, pdf, png

MB = 1_000_000


@dataclass
class Peak:
    size: int = 0


@contextmanager
def peak_memory() -> Generator[Peak]:
    """Measure the peak of Python's allocations in the block, in bytes."""
    peak = Peak()
    tracemalloc.start()
    yield peak
    peak.size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


async def _accepted(world: World, name: str, data: bytes) -> AnyFile:
    attachment = await world.create(name, "", len(data))
    assert await asyncio.to_thread(world.upload, attachment, data) == 200
    with peak_memory() as peak:
        accepted = await world.store.accept(await world.store.verify(attachment, ANN), ANN)
    assert peak.size < (5 * MB if name.endswith(".png") else 1 * MB)  # what is checked, not the file
    return accepted


@pytest.mark.promise("A8")
@pytest.mark.parametrize("size", [1, 64 * 1024, 1 * MB, 10 * MB])
async def test_text_reaches_the_model_up_to_its_cap(ministack_world: World, size: int) -> None:
    attachment = await _accepted(ministack_world, "a.txt", b"x" * size)
    with peak_memory() as peak:
        text = (await ministack_world.model().part(attachment)).get("text", "")
    assert text.count("x") >= min(size, 100_000)
    assert ("[cut here: the first 100000 of" in text) == (size > 100_000)
    assert peak.size < 2 * MB


@pytest.mark.promise("A8")
async def test_50_mb_by_url_or_refused_never_enter_this_process(ministack_world: World) -> None:
    attachment = await _accepted(ministack_world, "a.pdf", pdf(50 * MB))
    with peak_memory() as peak:
        url = await ministack_world.store.url(attachment, ANN, 60)
        refused = await ministack_world.model().part(attachment)
    assert "too large to be sent to the assistant (50 MB)" in refused.get("text", "")
    assert peak.size < 1 * MB
    status, headers, body = await asyncio.to_thread(ministack_world.fetch, url)
    assert (status, headers["content-length"], len(body)) == (200, str(50 * MB), 50 * MB)


@pytest.mark.promise("A8")
async def test_inline_memory_is_bounded_by_the_limit(ministack_world: World) -> None:
    attachment = await _accepted(ministack_world, "a.png", png(padding=5 * MB))
    with peak_memory() as peak:
        part = await ministack_world.model().part(attachment)
    assert part["type"] == "input_image"
    assert peak.size < 5 * 5 * MB  # the bytes, base64 as bytes and as text, the data URL
    with peak_memory() as peak:
        await ministack_world.model(inline_bytes=4 * MB).part(attachment)
    assert peak.size < 1 * MB
