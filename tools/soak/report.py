"""Makes `docs/evidence/reliability.md` of the results of `make soak`; a test makes it again and compares.

    python -m tools.soak.report

Nothing is measured here, and nothing in the document is written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools import ROOT
from tools.bench import results
from tools.bench.report import origin
from tools.bench.results import Result
from tools.bench.section import Goal, table
from tools.soak.meanings import MEANINGS
from tools.soak.plot import plot
from tools.soak.verdict import goals

DOCUMENT = ROOT / "docs" / "evidence" / "reliability.md"
LOAD, MEMORY, FAULTS = "soak_load", "soak_memory", "soak_faults"
HEAD = """\
# Reliability

<!-- Made by `python -m tools.soak.report` from tools/bench/results/soak_*.json. A test compares: edit nothing here. -->

`make soak` lets many users talk to the shipped function (`chat_api` with the coach) on one machine: real processes
behind the local Function URL, a real table and bucket in MiniStack, tokens that the local pool signed, a model that
streams over HTTP. Then it breaks one thing after the other while users go on. Every run compares everything that is
stored with everything that the users saw, and fails when one item is wrong. Times here are of a small machine that runs
the clients, AWS and the model as well; they say how it behaves under load, not how fast Lambda is. Bad input and bad
tokens have [their own page](../operate/security.md).

![Turns a second, time to the first word, and memory over time](../../tools/bench/results/soak.png)
"""
ORACLE = """\
## What is compared

Each text of a user carries a mark of its own, which the model repeats in its answer. A ledger keeps what the user's
streams showed: ids, words, order, ends. The oracle (`tools/soak/oracle.py`) then asks of every conversation:

| | a violation |
|---|---|
| lost | what was shown whole, or was seen of a stopped answer, is not stored; a thread is not listed |
| doubled | one item twice, under one id or two; one turn carried out twice |
| foreign | another user's mark in a stream, an item, a title or a list; every byte that clients get is searched |
| changed | other words, another id, other files than shown; a renamed thread under another name |
| reordered | items that do not stand in the order of their turns |
| returned | something that was deleted, replaced by a retry, or refused |
| unknown | something that no stream showed and no broken one can explain |
| silent | a stream in which nothing came for a minute, no keep-alive either |
| identity | a token of another time let in, a good one refused |

What was interrupted may be stored in part, and then it is the part that was seen (stopped, out of time), or a beginning
that holds it (the stream broke). `tests/unit/soak/test_oracle.py` shows the oracle each of these faults and sees it
named; `make mutants ARGS=soak` takes three of its eyes and sees those tests fail.
"""


def document(load: Result, faults: Result, memory: Result | None = None) -> str:
    """Return the document of these results; memory is left out while it was not measured."""
    parts = [
        HEAD,
        "## Goals",
        goal_table(goals(load, faults, memory)),
        "## Load",
        load_text(load),
        origin(LOAD, load),
        *(["## Memory", memory_text(memory), origin(MEMORY, memory)] if memory else []),
        "## Faults",
        faults_text(faults),
        origin(FAULTS, faults),
        ORACLE,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def goal_table(found: list[Goal]) -> str:
    rows = [f"| {each.what} | {each.wanted} | {each.found} | {'✓' if each.met else '✗'} |" for each in found]
    return "\n".join(["| | goal | measured | |", "|---|---|---|---|", *rows])


def load_text(load: Result) -> str:
    figures = load.figures
    run, check, memory = figures["load"], figures["check"], figures["memory"]
    rows = [
        ["users at the same time", f"{figures['users']}"],
        ["function processes (more answer 429)", f"{figures['processes']}"],
        ["minutes", f"{run['seconds'] / 60:.1f}"],
        ["mean pause between two actions of a user", f"{figures['think_seconds']:.0f} s"],
        ["turns", f"{run['turns']:,} ({run['turns'] / run['seconds']:.1f} a second)"],
        ["how they ended, as clients saw it", counts(run["clients_saw"])],
        ["what users did", counts(run["actions"])],
        ["refusals", counts({refusal(status): n for status, n in run["refusals"].items()}) or "none"],
        ["requests that were sent again, almost all after Lambda's 429", f"{run['sent_again']:,}"],
        ["time to the first word, once let in", milliseconds(run["first_word_ms"])],
        ["from the answer to a stop until the stream's end", milliseconds(run["stop_ms"])],
        [
            "compared in the end",
            f"{check['conversations']} conversations with {check['turns']} turns; {check['deleted']} were deleted, and "
            "the janitor has left no record of them",
        ],
        [
            "memory of a process, after the first quarter",
            f"{memory['first_mb']} MB, in the end {memory['last_mb']} MB: {memory['mb_per_minute']:+.2f} MB a minute "
            f"({memory['processes']} processes)",
        ],
        ["violations", f"{len(run['violations']) + len(check['violations'])}"],
    ]
    return table(["", ""], rows).replace("---:", "---")


def memory_text(memory: Result) -> str:
    figures = memory.figures
    rows = [[f"{turns}" for turns, _ in figures["course"]], [f"{mb:.1f}" for _, mb in figures["course"]]]
    lead = (
        "In a load run of minutes none of the processes gets much further than being warm. So one process carries out "
        f"{figures['turns']} turns of the coach, one after the other. Once it has had {figures['warm_turns']}, it "
        f"grows by {figures['mb_per_100_turns']:+.2f} MB per 100 turns (median slope)."
    )
    return f"{lead}\n\n{table(['turns', *rows[0]], [['MB', *rows[1]]])}"


def faults_text(faults: Result) -> str:
    figures = faults.figures
    lead = (
        f"{figures['users']} users, {figures['processes']} processes, a function timeout of "
        f"{figures['timeout_seconds']:.0f} s, so that a turn is stopped after four. What clients saw: how the turns "
        "ended, then the refusals on the way there; a refused request is sent again by its client up to five times "
        "after a 5xx or a lost connection, as ChatKit.js does, and until it gets through after Lambda's own 429. “Came "
        "again” are requests of the function that were broken and that it sent once more."
    )
    means = "\n".join(f"- **{name}**: {MEANINGS[name]}" for name in figures["phases"])
    rows = [fault_row(name, phase) for name, phase in figures["phases"].items()]
    head = [
        "fault",
        "how",
        "turns",
        "what clients saw",
        "what is stored of these turns",
        "what is retried",
        "violations",
    ]
    check = figures["check"]
    tail = (
        f"In the end, all healed, {check['conversations']} conversations with {check['turns']} turns were compared "
        f"once more: {len(check['violations'])} violations. {figures['cold_starts']} processes were started."
    )
    return "\n\n".join([lead, table(head, rows).replace("---:", "---"), "In words:", means, tail])


def fault_row(name: str, phase: Mapping[str, Any]) -> list[str]:
    refused = {refusal(status): n for status, n in phase["refusals"].items() if ": " not in status}
    saw = "<br>".join(filter(None, [counts(phase["clients_saw"]), counts(refused)]))
    tokens = {f"token {name}": n for name, n in phase["actions"].items() if ": " in name}
    return [
        name,
        phase["how"],
        f"{phase['turns']}",
        "<br>".join(filter(None, [saw, counts(tokens)])),
        counts(phase["stored"]),
        retried(phase),
        f"{len(phase['violations'])}",
    ]


def retried(phase: Mapping[str, Any]) -> str:
    """Say what was broken and sent again, by the function and by clients."""
    parts: list[str] = []
    for service, title in (("aws", "AWS"), ("model", "model")):
        found = phase[service]
        deeds = {name: n for name, n in found.items() if name not in ("requests", "came again")}
        if deeds:
            again = f", {found['came again']} came again" if set(deeds) != {"delayed"} else ""
            parts.append(f"{title}: {counts(deeds)} of {found['requests']} requests{again}")
    if phase["sent_again"]:
        parts.append(f"clients: {phase['sent_again']} sent again")
    return "<br>".join(parts) or "nothing"


def refusal(status: str) -> str:
    """Return how a refusal is called in the table; every other 404 would be a violation."""
    return {"404": "404 for what was deleted"}.get(status, status)


def counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in found.items())


def milliseconds(quantiles: Mapping[str, int] | None) -> str:
    if quantiles is None:
        return "none"
    return f"median {quantiles['p50']:,} ms, p95 {quantiles['p95']:,} ms, p99 {quantiles['p99']:,} ms"


def measured() -> dict[str, Result]:
    """Return the results there are."""
    return {name: results.read(name) for name in (LOAD, FAULTS, MEMORY) if results.path(name).exists()}


def draw() -> None:
    """Draw the plot of the stored results."""
    load, faults = results.read(LOAD), results.read(FAULTS)
    plot(
        {
            f"{load.figures['users']} users": load.figures["course"],
            f"{faults.figures['users']} users, one fault after the other": faults.figures["course"],
        }
    )


def main() -> None:
    """Write the document and the plot."""
    DOCUMENT.write_text(document(*measured().values()))
    draw()
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
