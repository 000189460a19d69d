"""Ten thousand invocations of one process leave resident memory, descriptors and threads unchanged."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from tests.integration.streaming.conftest import body_of, event, run_in

WARM, ROUNDS, PER_ROUND = 2000, 8, 1000
SAMPLES = 20
# AWS's loop puts each trace id into the environment, and glibc's `setenv` keeps every value: 110 bytes each (measured
# with a program that does only that). Our code must add nothing; a leaked task or socket takes more than 200.
ALLOWED_GROWTH_BYTES = ROUNDS * PER_ROUND * 200


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.promise("L9")
async def test_ten_thousand_invocations_leave_memory_flat(function):
    served = function()
    process = await served.start()
    await process.api.polled.wait()
    watched = psutil.Process(served.cold_starts[0].pid)

    async def invoke(count: int) -> None:
        for number in range(count):
            served.lines.clear()
            path = "/fail_late" if number % 100 == 0 else "/fail" if number % 100 == 1 else "/hello"
            await run_in(process, event(path=path))

    async def resources() -> list[int]:
        """Return the fewest descriptors and threads of some samples: what the process has while it only waits."""
        samples: list[tuple[int, int]] = []
        for _ in range(SAMPLES):
            samples.append((watched.num_fds(), watched.num_threads()))
            await asyncio.sleep(0.02)
        return [min(each) for each in zip(*samples, strict=True)]

    await invoke(WARM)
    before, resources_before = watched.memory_info().rss, await resources()
    for _ in range(ROUNDS):
        await invoke(PER_ROUND)

    assert watched.memory_info().rss - before < ALLOWED_GROWTH_BYTES
    found = await resources()
    assert all(now <= before for now, before in zip(found, resources_before, strict=True)), (found, resources_before)
    assert body_of(await run_in(process, event(path="/state"))) == b"1"
