"""The fuzzer's command line: `python -m tools.fuzz --count 50000 --seed 1`.

    --number 17        run and show one case
    --only approval    mutate only the recorded requests whose names contain this
    --publish          write tools/bench/results/fuzz.json

Seed and number determine a case. The fuzzer shrinks cases that break a rule, prints them, and stores them in
tools/fuzz/found, which CI replays.
"""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console
from rich.table import Table

from tools.bench import results
from tools.fuzz.batch import Failure, Result, examine
from tools.fuzz.cases import Case
from tools.fuzz.mutations import MUTATIONS
from tools.fuzz.pool import run
from tools.fuzz.recorded import recorded
from tools.fuzz.site import Site

PACKAGES = ("openai-chatkit", "fastapi", "starlette", "pydantic", "python-multipart", "mangum", "moto")


def report(result: Result, seed: int, seconds: float, console: Console) -> None:
    table = Table("response", "requests", box=None)
    for outcome, times in sorted(result.outcomes.items()):
        table.add_row(outcome, f"{times:,}")
    console.print(table)
    for failure in result.failures:
        describe(failure, console)
        console.print(f"  stored: {failure.case.save(failure.faults)}", highlight=False)
    total = sum(result.outcomes.values())
    console.print(f"{total:,} requests in {seconds:.0f} s, seed {seed}: {len(result.failures)} broke a rule")


def describe(failure: Failure, console: Console) -> None:
    request = failure.case.request
    console.print(f"[red]✗[/red] {failure.case.title}: {'; '.join(failure.faults)}", highlight=False)
    console.print(f"  {request.method} {request.target[:200]} {request.headers}", markup=False, highlight=False)
    console.print(f"  {request.content[:600]!r}", markup=False, highlight=False)


def publish(result: Result, seed: int, seconds: float, workers: int) -> None:
    total = sum(result.outcomes.values())
    figures = {
        "requests": total,
        "seed": seed,
        "seconds": round(seconds, 1),
        "per_second": round(total / seconds),
        "workers": workers,
        "recorded_requests": len(recorded()),
        "mutations": len(MUTATIONS),
        "outcomes": dict(sorted(result.outcomes.items())),
        "broken_rules": len(result.failures),
    }
    results.write("fuzz", figures, packages=PACKAGES)


def one(seed: int, number: int, only: str, console: Console) -> int:
    """Run one case and print it."""
    case = Case.made(seed, number, only)
    with Site.open() as site:
        answer, faults = examine(site, case.request)
    describe(Failure(case, faults or ["no rule is broken"]), console)
    console.print(f"  → {answer.status} {answer.body[:1000]!r}", markup=False, highlight=False)
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--number", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    console = Console()
    if arguments.number is not None:
        return one(arguments.seed, arguments.number, arguments.only, console)
    started = time.perf_counter()
    result = run(arguments.seed, range(arguments.count), arguments.only, arguments.workers, console)
    seconds = time.perf_counter() - started
    report(result, arguments.seed, seconds, console)
    if arguments.publish:
        publish(result, arguments.seed, seconds, arguments.workers)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
