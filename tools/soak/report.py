"""Writes `docs/evidence/reliability.md` from the results of `make soak`; a test compares the two.

    python -m tools.soak.report

It measures nothing, and the document contains no text that is written by hand elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools import ROOT
from tools.bench import results
from tools.bench.results import Result
from tools.bench.section import Goal, fold, goal_table, origin, table
from tools.soak.ledger import End
from tools.soak.life import FLAT
from tools.soak.phases import PHASES, SLEEPING
from tools.soak.plot import plot

DOCUMENT = ROOT / "docs" / "evidence" / "reliability.md"
RELOAD_MS = 1000
LOAD, LIFE, RELOAD, FAULTS = "soak_load", "soak_life", "soak_reload", "soak_faults"
EFFECTS = {phase.name: phase.effect for phase in (*PHASES, SLEEPING)}
HEAD = """\
# Reliability

<!-- Made by `python -m tools.soak.report` from tools/bench/results/soak_*.json. A test compares: edit nothing here. -->

`make soak` runs many simulated users against the shipped function (`chat_api` with the coach) on one machine: real
processes behind the local Function URL, a real table and bucket in MiniStack, tokens signed by the local user pool, and
a model that streams over HTTP. Then it causes one fault after the other while the users continue. Every run compares
all stored data with the users' ledgers and fails if one item differs.
"""
PICTURE = """\
![Turns per second, time to the first word, and memory over time](../../tools/bench/results/soak.png)

The machine is small and also runs the clients, AWS and the model. The times show the behavior under load, not the speed
of Lambda. Malformed requests and tokens are covered in [Security](../operate/security.md).
"""
ORACLE = """\
## Comparison of stored data with the users' ledgers

Each text of a user contains a mark, which the model repeats in its answer. A ledger records the ids, texts, order and
ends of the user's streams. The oracle (`tools/soak/oracle.py`) checks every conversation for these violations:

| violation | meaning |
|---|---|
| lost | a completely shown item, or the seen text of a stopped answer, is not stored; a thread is not listed |
| lost | an answer of a dead process, or a snapshot of a running one, lacks a word that was seen 2.5 s before |
| doubled | one item twice, under one id or two; one turn ran twice |
| foreign | another user's mark in a stream, an item, a title or a list; every received byte is searched |
| changed | other text, another id or other files than shown; another title after a rename |
| reordered | items that are not in the order of their turns |
| returned | an item that was deleted, replaced by a retry, or refused |
| unknown | an item that no stream showed and no broken stream explains |
| silent | a stream without any data, including keep-alives, for a minute |
| identity | an expired token accepted, or a valid one refused |

An interrupted answer may be stored in part: exactly the seen text (stopped, deadline), or a prefix of the answer (dead
process). `tests/unit/soak/test_oracle.py` presents each of these faults to the oracle and checks
that it names them; `make mutants ARGS=soak` disables three of the oracle's rules and checks that those tests fail.
"""


def document(load: Result, faults: Result, life: Result | None = None, reload: Result | None = None) -> str:
    """Return the document of these results; runs that were not measured are left out."""
    parts = [
        HEAD,
        "## Goals",
        goal_table(goals(load, faults, life, reload)),
        PICTURE,
        "## Load",
        load_lead(load),
        fold("Figures", load_text(load), origin(LOAD, load)),
        *(["## Reloads", reload_lead(reload), origin(RELOAD, reload)] if reload else []),
        *(["## Long life", life_lead(life), fold("Figures", life_text(life), origin(LIFE, life))] if life else []),
        "## Faults",
        faults_lead(faults),
        effects(faults),
        fold("Figures", faults_text(faults), origin(FAULTS, faults)),
        ORACLE,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def goals(
    load: Result | None = None, faults: Result | None = None, life: Result | None = None, reload: Result | None = None
) -> list[Goal]:
    """Return the goals of the given results."""
    return [
        *(load_goals(load) if load else []),
        *(fault_goals(faults) if faults else []),
        *(life_goals(life) if life else []),
        *(reload_goals(reload) if reload else []),
    ]


def load_goals(load: Result) -> list[Goal]:
    figures = load.figures
    users, minutes = figures["users"], figures["load"]["seconds"] / 60
    turns = figures["load"]["turns"]
    violations = len(figures["load"]["violations"]) + len(figures["check"]["violations"])
    title = "violations: items lost, doubled, foreign, changed, reordered or returned"
    return [
        Goal(
            "soak.users",
            "simultaneous users",
            "200, 10 min",
            f"{users}, {minutes:.1f} min",
            users >= 200 and minutes >= 10,
        ),
        Goal("soak.turns", "turns with readers that reload, leave and return", "≥ 3,000", f"{turns:,}", turns >= 3000),
        Goal("soak.load", title, "0", f"{violations}", violations == 0),
    ]


def life_goals(life: Result) -> list[Goal]:
    """Return a goal for each measure. Growth of 10 MB once revealed that the store kept a snapshot of every thread."""
    units = {"mb": "MB of memory", "descriptors": "file descriptors", "threads": "threads"}
    return [
        Goal(
            f"soak.life.{name}",
            f"growth of one process per 1,000 turns: {units[name]}",
            f"≤ {FLAT[name]:g}",
            f"{grown:+.2f}",
            grown <= FLAT[name],
        )
        for name, grown in life.figures["growth"].items()
    ]


def reload_goals(reload: Result) -> list[Goal]:
    """Return the goals of the readers that reload during their answer, without a crowd."""
    (phase,) = reload.figures["phases"].values()
    late, violations = phase["reload_ms"]["p95"], len(phase["violations"]) + len(reload.figures["check"]["violations"])
    title = f"from a reload to the text so far, p95 ({reload.figures['users']} users)"
    return [
        Goal("soak.reload", title, f"≤ {RELOAD_MS:,} ms", f"{late:,} ms", late <= RELOAD_MS),
        Goal("soak.reload.violations", "violations during these reloads", "0", f"{violations}", violations == 0),
    ]


def reload_lead(reload: Result) -> str:
    (phase,) = reload.figures["phases"].values()
    return (
        f"{reload.figures['users']} users with {reload.figures['processes']} function processes reload their page "
        f"during each of {phase['turns']} answers: a request for the thread, then requests for the turn's events until "
        f"one has a word. From the reload to the text so far: {milliseconds(phase['reload_ms'])}."
    )


def fault_goals(faults: Result) -> list[Goal]:
    phases = faults.figures["phases"]
    violations = sum(len(each["violations"]) for each in (*phases.values(), faults.figures["check"]))
    title = f"violations during a series of {len(phases) - 1} faults"
    taken = phases.get(SLEEPING.name, {}).get("clients_saw", {}).get(End.TAKEN.value, 0)
    return [
        Goal("soak.faults", title, "0", f"{violations}", violations == 0),
        Goal(
            "soak.taken", "turns taken over from sleeping processes, which then woke up", "≥ 5", f"{taken}", taken >= 5
        ),
    ]


def load_lead(load: Result) -> str:
    run, check = load.figures["load"], load.figures["check"]
    return (
        f"{load.figures['users']} users, {load.figures['processes']} function processes, "
        f"{run['seconds'] / 60:.0f} minutes: {run['turns']:,} turns. At the end, {check['conversations']} "
        f"conversations with {check['turns']:,} turns were compared: "
        f"{len(run['violations']) + len(check['violations'])} violations."
    )


def load_text(load: Result) -> str:
    figures = load.figures
    run, check, memory = figures["load"], figures["check"], figures["memory"]
    rows = [
        ["simultaneous users", f"{figures['users']}"],
        ["function processes (more get 429)", f"{figures['processes']}"],
        ["minutes", f"{run['seconds'] / 60:.1f}"],
        ["mean pause between two actions of a user", f"{figures['think_seconds']:.0f} s"],
        ["turns", f"{run['turns']:,} ({run['turns'] / run['seconds']:.1f} per second)"],
        [
            "their ends, from the clients' point of view (*process died*: or eight refusals in a row)",
            counts(run["clients_saw"]),
        ],
        ["actions of the users", counts(run["actions"])],
        ["refusals", counts({refusal(status): n for status, n in run["refusals"].items()}) or "none"],
        ["retries by clients, almost all after Lambda's 429", f"{run['sent_again']:,}"],
        ["time to the first word of an admitted turn", milliseconds(run["first_word_ms"])],
        ["time from the response to a cancel request to the stream's end", milliseconds(run["stop_ms"])],
        ["time from a reload during an answer to its text so far", milliseconds(run["reload_ms"])],
        [
            "compared at the end",
            f"{check['conversations']} conversations with {check['turns']} turns; {check['deleted']} were deleted, and "
            "the janitor has deleted all their records",
        ],
        [
            "memory of a process after the first quarter",
            f"{memory['first_mb']} MB, at the end {memory['last_mb']} MB: {memory['mb_per_minute']:+.2f} MB per minute "
            f"({memory['processes']} processes)",
        ],
        ["violations", f"{len(run['violations']) + len(check['violations'])}"],
    ]
    return table(["", ""], rows).replace("---:", "---")


def life_lead(life: Result) -> str:
    figures, grown = life.figures, life.figures["growth"]
    return (
        "In a load run of some minutes, no process gets far beyond its warm-up. In this run, one process handles "
        f"{figures['turns']:,} turns of the coach one after the other, and a second one the requests that arrive "
        f"meanwhile ({figures['all_turns']:,} turns of both: {counts(figures['kinds'])}). From the middle of the run "
        f"to its end, the process grows by {grown['mb']:+.2f} MB, {grown['descriptors']:+.1f} file descriptors and "
        f"{grown['threads']:+.1f} threads per 1,000 turns (median slopes). Memory is what the process has allocated, "
        "without its part of shared libraries, which depends on other processes. At the end, all data was compared: "
        f"{len(figures['check']['violations'])} violations."
    )


def life_text(life: Result) -> str:
    course = life.figures["course"]
    rows = [[f"{turns:,}", f"{mb:.1f}", f"{descriptors}", f"{threads}"] for turns, mb, descriptors, threads in course]
    return table(["turns", "MB", "file descriptors", "threads"], rows)


def faults_lead(faults: Result) -> str:
    figures = faults.figures
    check = figures["check"]
    return (
        f"{figures['users']} users, {figures['processes']} processes, and a function timeout of "
        f"{figures['timeout_seconds']:.0f} s, so that a turn's deadline is after four. At the end, without faults, "
        f"{check['conversations']} conversations with {check['turns']} turns were compared again: "
        f"{len(check['violations'])} violations. The function started {figures['cold_starts']} processes.\n\n"
        "Effects of each fault on users:"
    )


def effects(faults: Result) -> str:
    return "\n".join(f"- **{name}**: {EFFECTS[name]}" for name in faults.figures["phases"])


def faults_text(faults: Result) -> str:
    lead = (
        "*Clients saw* lists the ends of the turns, then the refusals before them. After a 5xx or a lost connection, a "
        "client retries up to five times, as ChatKit.js does; after Lambda's own 429 it retries until the request is "
        "admitted. *Retried* requests of the function are those that it repeated after a fault."
    )
    rows = [fault_row(name, phase) for name, phase in faults.figures["phases"].items()]
    head = ["fault", "cause", "turns", "clients saw", "stored of these turns", "retries", "violations"]
    return "\n\n".join([lead, table(head, rows).replace("---:", "---")])


def fault_row(name: str, phase: Mapping[str, Any]) -> list[str]:
    refused = {refusal(status): n for status, n in phase["refusals"].items() if ": " not in status}
    saw = "<br>".join(filter(None, [counts(phase["clients_saw"]), counts(refused)]))
    tokens = [
        f"{name}: {n} {outcome}"
        for each, n in phase["actions"].items()
        for name, found, outcome in [each.partition(": ")]
        if found
    ]
    return [
        name,
        phase["how"],
        f"{phase['turns']}",
        "<br>".join(filter(None, [saw, "; ".join(tokens)])),
        counts(phase["stored"]),
        retried(phase),
        f"{len(phase['violations'])}",
    ]


def retried(phase: Mapping[str, Any]) -> str:
    """Return the faults and the retries by the function and by clients."""
    parts: list[str] = []
    for service, title in (("aws", "AWS"), ("model", "model")):
        found = phase[service]
        deeds = {name: n for name, n in found.items() if name not in ("requests", "retried")}
        if deeds:
            again = f", {found['retried']} retried" if set(deeds) != {"delayed"} else ""
            parts.append(f"{title}: {counts(deeds)} of {found['requests']} requests{again}")
    if phase["sent_again"]:
        parts.append(f"clients: {phase['sent_again']}")
    return "<br>".join(parts) or "none"


def refusal(status: str) -> str:
    """Return the table's name of a refusal. Any 404 for an existing item would be a violation."""
    return {"404": "404 for a deleted item"}.get(status, status)


def counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in found.items())


def milliseconds(quantiles: Mapping[str, int] | None) -> str:
    if quantiles is None:
        return "none"
    return f"median {quantiles['p50']:,} ms, p95 {quantiles['p95']:,} ms, p99 {quantiles['p99']:,} ms"


def measured() -> dict[str, Result]:
    """Return the results that have been measured."""
    names = (LOAD, FAULTS, LIFE, RELOAD)
    return {name.removeprefix("soak_"): results.read(name) for name in names if results.path(name).exists()}


def draw() -> None:
    """Draw the plot from the stored results."""
    load, faults = results.read(LOAD), results.read(FAULTS)
    plot(
        {
            f"{load.figures['users']} users": load.figures["course"],
            f"{faults.figures['users']} users, a series of faults": faults.figures["course"],
        }
    )


def main() -> None:
    """Write the document and the plot."""
    DOCUMENT.write_text(document(**measured()))
    draw()
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
