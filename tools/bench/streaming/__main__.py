"""The command line: `python -m tools.bench.streaming [--quick]`.

Writes `tools/bench/results/streaming.json` and `.png`, except with `--quick`.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tools.bench import results
from tools.bench.streaming import plots, section
from tools.bench.streaming.runs import IDLE_SECONDS, ROUNDS, Results, medians, run
from tools.bench.streaming.subjects import ADAPTER, ADAPTER_VERSION, adapter_binary, application_alone_mb, subjects


def measure(quick: bool, console: Console) -> Results:
    rounds, scale, idle_seconds = (2, 0.1, 1) if quick else (ROUNDS, 1.0, IDLE_SECONDS)
    adapter = adapter_binary(console)
    with contextlib.ExitStack() as stack, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("streaming", total=rounds + 2)
        return run(subjects(stack, adapter), rounds, scale, idle_seconds, lambda: progress.advance(bar))


def figures_of(found: Results, application_mb: float) -> dict[str, Any]:
    """Return the figures to store, by subject."""
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
    """Add the adapter's last figures and their origin if this run did not measure it."""
    if ADAPTER in figures["subjects"] or not results.path("streaming").exists():
        return figures
    last = results.read("streaming")
    kept = last.figures["subjects"].get(ADAPTER)
    if kept is None:
        return figures
    since = last.figures.get("adapter_measured", {"at": last.measured_at, "commit": last.commit})
    return figures | {"subjects": figures["subjects"] | {ADAPTER: kept}, "adapter_measured": since}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.streaming", description="Streaming compared with its peers."
    )
    parser.add_argument("--quick", action="store_true", help="few requests and rounds, without writing results")
    quick = parser.parse_args().quick
    console = Console()
    figures = with_last_adapter(figures_of(measure(quick, console), application_alone_mb()))
    section.show(figures, console)
    if not quick:
        packages = ["awslambdaric", "mangum", "uvicorn", "h11"]
        results.write("streaming", figures, packages, {"lambda_web_adapter": ADAPTER_VERSION})
        plots.draw(figures["subjects"], results.RESULTS / "streaming.png")


if __name__ == "__main__":
    main()
