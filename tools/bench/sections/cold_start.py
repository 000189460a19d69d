"""Cold starts: ours beside the same function built naively."""

from __future__ import annotations

from tools.bench.cold_start import HEADER, rows
from tools.bench.results import Result
from tools.bench.section import Goal, Section, table

HISTORY, TURN = 0.40, 0.60


def section(result: Result) -> Section:
    """Return what `tools.bench.cold_start` found."""
    figures = result.figures
    ratios = figures["ratios"]
    wanted = {
        "history": ("a history's first byte after a cold start ÷ the naive build's", HISTORY),
        "turn_first_token": ("a first turn's first word ÷ the naive build's", TURN),
    }
    goals = [
        Goal(f"cold_start.{name}", what, f"< {limit:.0%}", f"{ratios[name]:.0%}", ratios[name] < limit)
        for name, (what, limit) in wanted.items()
    ]
    text = TEXT.format(python=figures["python"], rounds=figures["rounds"])
    plot = "![Cold starts](../../tools/bench/results/cold_start.png)"
    return Section("Cold start", f"{text}\n\n{table(HEADER, rows(figures))}\n\n{plot}", goals)


TEXT = """\
From the start of a process to the body's first byte, and to the model's first word, of what `make build` makes, built
for this machine's architecture and Python {python}, with the local AWS and a local model; medians of {rounds} rounds.
*Naive* is the same build without bytecode, with everything imported at the top and every client made at once.
*Restored* begins when `restore/next` returns: our hooks and the first request; how long AWS takes to restore the memory
cannot be measured here. [What is loaded late](../decisions/0020-late-parts.md), and why."""
