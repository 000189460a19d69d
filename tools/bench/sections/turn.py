"""What is ours in a turn, before the model's first word."""

from __future__ import annotations

from tools.bench.results import Result
from tools.bench.section import Goal, Section, table
from tools.bench.turn import HEADER, SIZES, rows

LIMIT_MS = 25


def section(result: Result) -> Section:
    """Return what `tools.bench.turn` found."""
    figures = result.figures
    goals: list[Goal] = []
    for name, items in SIZES.items():
        ours = figures["first_word_ms"]["ours"][name] - figures["table_ms"]["ours"][name]
        what = f"ours before a turn's first word, {items:,} items, the table's answers not counted"
        goals.append(Goal(f"turn.{name}", what, f"< {LIMIT_MS} ms", f"{ours:.1f} ms", ours < LIMIT_MS))
    text = TEXT.format(rounds=figures["rounds"], server=figures["server"])
    return Section("A turn", f"{text}\n\n{table(HEADER, rows(figures))}", goals)


TEXT = """\
From the event's arrival to the first word, in a warm process, with a model that answers at once; medians of {rounds}
turns. *Ours* is runtime, identity, admission, ChatKit, the store and what the coach does before it asks the model; then
it speaks without asking. The other columns ask the local model through the Agents SDK and OpenAI's client; the model's
own time is not in them. The table is {server}, a development server: on AWS a request takes a few milliseconds.
Before the first word a turn waits for the table four times, in a thread of more than thirty items up to six times
(`tests/integration/turns/test_round_trips.py` counts)."""
