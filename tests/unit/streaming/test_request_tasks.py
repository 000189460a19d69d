"""The tasks of a request: which ones are awaited, and how unfinished ones end."""

from __future__ import annotations

import asyncio

import pytest

from lambda_streaming.deadline import Deadline
from lambda_streaming.request_tasks import ExitedTaskError, RequestTasks, StartedTasks, task_factory


@pytest.fixture(autouse=True)
async def factory():
    asyncio.get_running_loop().set_task_factory(task_factory)


def deadline(seconds: float = 5) -> Deadline:
    return Deadline(asyncio.get_running_loop().time() + seconds)


@pytest.mark.promise("L4")
async def test_tasks_and_the_tasks_they_start_are_waited_for():
    ended = []

    async def child():
        await asyncio.sleep(0)
        ended.append("child")

    async def parent():
        await asyncio.sleep(0)
        children.append(asyncio.create_task(child()))
        ended.append("parent")

    children = []
    tasks = RequestTasks()
    with tasks.collecting():
        children.append(asyncio.create_task(parent()))
    await tasks.finish(deadline())

    assert ended == ["parent", "child"]


@pytest.mark.promise("L4")
async def test_tasks_of_the_lifespan_are_not_waited_for():
    tick = asyncio.Event()

    async def lifespan():
        await tick.wait()
        return asyncio.create_task(asyncio.Event().wait())

    started_before = asyncio.create_task(lifespan())
    tasks = RequestTasks()
    with tasks.collecting():
        tick.set()
    async with asyncio.timeout(1):
        await tasks.finish(deadline(60))
        (await started_before).cancel()


@pytest.mark.promise("L4")
async def test_at_the_deadline_tasks_are_cancelled_and_logged(caplog):
    async def endless():
        await asyncio.Event().wait()

    tasks = RequestTasks()
    with tasks.collecting():
        task = asyncio.create_task(endless(), name="the endless one")
    await tasks.finish(deadline(0.01))

    assert task.cancelled()
    assert "cancelled at the deadline: the endless one (" in caplog.text


@pytest.mark.promise("L4")
async def test_a_task_that_ignores_its_cancellation_does_not_hold_the_invocation(caplog):
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks = RequestTasks()
    with tasks.collecting():
        task = asyncio.create_task(stubborn())
    async with asyncio.timeout(2):
        await tasks.finish(deadline(0.01))

    assert "did not stop when cancelled" in caplog.text
    release.set()
    await task


@pytest.mark.promise("L4")
async def test_a_part_of_a_request_ends_the_tasks_of_some_packages():
    """Of a part of a request, the tasks of the named packages and the steps of generators end; others go on."""

    async def wait_forever():
        await asyncio.Event().wait()

    async def steps():
        await asyncio.Event().wait()
        yield

    part, request = StartedTasks(), RequestTasks()
    with request.collecting():
        before = asyncio.create_task(wait_forever())
        with part.collecting():
            step = asyncio.ensure_future(anext(steps()))
            library = asyncio.create_task(asyncio.sleep(60))
            own = asyncio.create_task(wait_forever())
        await asyncio.sleep(0)
        await part.end(("asyncio",), within_seconds=1)

    assert [task.done() for task in (step, library, own, before)] == [True, True, False, False]
    await request.finish(deadline(0))
    assert own.done()
    assert before.done()


@pytest.mark.promise("B7")
async def test_a_task_that_exits_raises_where_it_is_awaited():
    async def leave():
        raise SystemExit(2)

    with RequestTasks().collecting():
        task = asyncio.create_task(leave())
        with pytest.raises(ExitedTaskError, match="leave raised SystemExit"):
            await task
    assert "leave" in repr(task.get_coro())
