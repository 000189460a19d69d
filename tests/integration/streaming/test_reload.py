"""Reload of a local function: new code for the next event, running events finish, and a fault is raised at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tools.local.function.errors import FunctionError
from tools.local.function.process import LocalFunction

pytestmark = pytest.mark.promise("B2")


def write(folder: Path, version: str) -> None:
    code = f"import time\n\ndef handler(event, context):\n    time.sleep(event['seconds'])\n    return {version}\n"
    (folder / "shop.py").write_text(code)


@pytest_asyncio.fixture
async def function(tmp_path: Path) -> AsyncIterator[LocalFunction]:
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    function = LocalFunction("shop.handler", [tmp_path], environment=environment, max_processes=1)
    write(tmp_path, "1")
    yield function
    await function.stop_processes()


async def test_the_next_event_runs_the_new_code(function: LocalFunction, tmp_path: Path) -> None:
    await function.reload()
    first = await function.invoke({"seconds": 0})
    write(tmp_path, "2")
    await function.reload()

    assert (first, await function.invoke({"seconds": 0})) == (1, 2)
    assert len(function.processes) == 1


async def test_a_running_event_finishes_with_the_old_code(function: LocalFunction, tmp_path: Path) -> None:
    await function.reload()
    running = asyncio.create_task(function.invoke({"seconds": 3}))
    await asyncio.sleep(0.5)
    write(tmp_path, "2")
    await function.reload()

    assert await function.invoke({"seconds": 0}) == 2  # next to the busy one, which no longer counts
    assert await running == 1
    await function.idle()
    assert len(function.processes) == 1


async def test_a_fault_is_raised_without_an_event_and_mended_by_the_next_reload(
    function: LocalFunction, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text("import no_such_module")

    with pytest.raises(FunctionError, match="No module named 'no_such_module'"):
        await function.reload()
    assert not function.processes

    write(tmp_path, "2")
    await function.reload()
    assert await function.invoke({"seconds": 0}) == 2


async def test_an_event_during_a_reload_waits_for_its_process(function: LocalFunction) -> None:
    reloading = asyncio.create_task(function.reload())
    await asyncio.sleep(0)

    assert await function.invoke({"seconds": 0}) == 1
    await reloading
    assert len(function.cold_starts) == 1


async def test_a_reload_that_is_replaced_leaves_no_process(function: LocalFunction) -> None:
    first = asyncio.create_task(function.reload())
    await asyncio.sleep(0.1)
    first.cancel()
    await asyncio.wait({first})
    await function.reload()

    assert len(function.processes) == 1
