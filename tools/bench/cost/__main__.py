"""Count the units of turns and write `tools/bench/results/cost.json`: `python -m tools.bench.cost [--quick]`."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.console import Console

from tools.bench import results
from tools.bench.cost.bill import bill, units
from tools.bench.cost.counting import SHAPES, count_turns


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.cost", description="Cost of 1 000 turns on AWS.")
    parser.add_argument("--quick", action="store_true", help="do not write results")
    quick = parser.parse_args().quick
    console = Console(stderr=True)
    with console.status("counting turns") as status:
        counted = count_turns(lambda step: status.update(f"counting turns: {step}"))
    for shape in SHAPES:
        dollars = sum(line.dollars for line in bill(units(counted[shape.name], shape.answer_seconds)))
        console.print(f"{shape.name}: ${dollars:.3f} per 1 000 turns", highlight=False)
    if not quick:
        turns = {
            shape.name: {"answer_seconds": shape.answer_seconds, "counted": asdict(counted[shape.name])}
            for shape in SHAPES
        }
        results.write("cost", {"turns": turns}, packages=["openai-chatkit", "openai-agents"])


if __name__ == "__main__":
    main()
