"""Batches in worker processes, each with a separate site.

    result = run(1, range(50_000), "", workers=2, console=Console())

Seed and numbers determine a batch's cases, and each batch starts with a restored site, so the result does not depend on
the worker or the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.fuzz.batch import Result, run_batch
from tools.fuzz.cases import Case
from tools.fuzz.site import Site

BATCH = 50

_site: Site | None = None
_parts = ExitStack()


def open_site() -> None:
    """Open the site of a worker process."""
    global _site
    _site = _parts.enter_context(Site.open())


def work(seed: int, numbers: Sequence[int], only: str) -> Result:
    """Run a batch in a worker process."""
    assert _site is not None
    return run_batch(_site, [Case.made(seed, number, only) for number in numbers], guard=True)


def run(seed: int, numbers: range, only: str, workers: int, console: Console) -> Result:
    """Run the cases of `numbers` in worker processes and show progress; `only` is that of `Case.made`."""
    total, batches = Result(), (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), open_site) as pool,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        bar = progress.add_task("mutated requests", total=len(numbers))
        waiting: dict[Future[Result], range] = {}
        for batch in _and_then_none(batches):
            if batch is not None:
                waiting[pool.submit(work, seed, batch, only)] = batch
            while waiting and (batch is None or len(waiting) >= 2 * workers):
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    where = waiting.pop(future)
                    total.add(_result(future, seed, where))
                    progress.advance(bar, len(where))
    return total


def _and_then_none(batches: Iterator[range]) -> Iterator[range | None]:
    yield from batches
    yield None


def _result(future: Future[Result], seed: int, numbers: range) -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise SystemExit(
            f"a worker process died or hung; seed {seed}, numbers {numbers.start}–{numbers.stop}"
        ) from error
