"""Ten thousand invocations of one process add no memory, descriptors or threads of their own."""

from __future__ import annotations

import psutil
import pytest

from tests.integration.streaming.conftest import body_of, event, run_in

WARM, ROUNDS, PER_ROUND = 2000, 8, 1000
FEW = 8
"""The process may gain fewer descriptors or threads: connections that it has not closed yet. One invocation in a
hundred fails late, so a leak of one in each of those would be eighty."""
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

    def resources() -> tuple[int, int]:
        return watched.num_fds(), watched.num_threads()

    await invoke(WARM)
    before, resources_before = watched.memory_info().rss, resources()
    for _ in range(ROUNDS):
        await invoke(PER_ROUND)

    assert watched.memory_info().rss - before < ALLOWED_GROWTH_BYTES
    gains = [now - before for now, before in zip(resources(), resources_before, strict=True)]
    assert max(gains) < FEW, gains
    assert body_of(await run_in(process, event(path="/state"))) == b"1"
