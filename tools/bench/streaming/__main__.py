"""Runs the benchmark: `python -m tools.bench.streaming [--quick]`.

Writes `tools/bench/results/streaming.json` and `.png` unless it was a quick look.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tools.bench import results
from tools.bench.sections import streaming as section
from tools.bench.streaming import plots, web_adapter
from tools.bench.streaming.runs import IDLE_SECONDS, ROUNDS, Results, medians, run
from tools.bench.streaming.subjects import ADAPTER, application_alone_mb, subjects


def measure(quick: bool, console: Console) -> Results:
    rounds, scale, idle_seconds = (2, 0.1, 1) if quick else (ROUNDS, 1.0, IDLE_SECONDS)
    adapter = web_adapter.binary(console)
    with contextlib.ExitStack() as stack, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("streaming", total=rounds + 2)
        return run(subjects(stack, adapter), rounds, scale, idle_seconds, lambda: progress.advance(bar))


def figures_of(found: Results, application_mb: float) -> dict[str, Any]:
    """Return what is stored: a part for each subject."""
    return {
        "application_mb": application_mb,
        "subjects": {
            name: {
                "medians": asdict(medians(rounds)),
                "footprint": asdict(found.footprints[name])
                | {"added_mb": found.footprints[name].memory_mb - application_mb},
                "delayed_first_byte_ms": found.delayed_first_byte_ms[name],
                "rounds": [asdict(one) for one in rounds],
            }
            for name, rounds in found.rounds.items()
        },
    }


def with_last_adapter(figures: dict[str, Any]) -> dict[str, Any]:
    """Add what the adapter's figures were when it was last measured, and when that was."""
    if ADAPTER in figures["subjects"] or not results.path("streaming").exists():
        return figures
    last = results.read("streaming")
    kept = last.figures["subjects"].get(ADAPTER)
    if kept is None:
        return figures
    since = last.figures.get("adapter_measured", {"at": last.measured_at, "commit": last.commit})
    return figures | {"subjects": figures["subjects"] | {ADAPTER: kept}, "adapter_measured": since}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.streaming", description="Streaming beside its peers.")
    parser.add_argument("--quick", action="store_true", help="few requests and rounds; nothing is written")
    quick = parser.parse_args().quick
    console = Console()
    figures = with_last_adapter(figures_of(measure(quick, console), application_alone_mb()))
    section.show(figures, console)
    if not quick:
        packages = ["awslambdaric", "mangum", "uvicorn", "h11"]
        results.write("streaming", figures, packages, {"lambda_web_adapter": web_adapter.VERSION})
        plots.draw(figures["subjects"], results.RESULTS / "streaming.png")


if __name__ == "__main__":
    main()
