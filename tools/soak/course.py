"""The course of a run in steps of five seconds, as the plot shows it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from tools.soak.processes import Sample
from tools.soak.tally import Tally

STEP_SECONDS = 5.0


def course(tallies: Sequence[Tally], samples: Sequence[Sample]) -> dict[str, Any]:
    """Return one list per figure with one value (or None) per step, and start and end of each phase in seconds."""
    start = tallies[0].started_at
    end = max(each.ended_at or each.started_at for each in tallies)
    steps = int((end - start) / STEP_SECONDS) + 1

    def binned(pairs: Sequence[tuple[float, float]]) -> list[list[float]]:
        bins: list[list[float]] = [[] for _ in range(steps)]
        for at, value in pairs:
            if start <= at <= end:
                bins[int((at - start) / STEP_SECONDS)].append(value)
        return bins

    turns = binned([(at, 1.0) for tally in tallies for at in tally.turn_ends])
    words = binned([(at + seconds, seconds * 1000) for tally in tallies for at, seconds in tally.first_words])
    memory = binned([(each.at, each.mean) for each in samples])
    alive = binned([(each.at, float(len(each.pss_mb))) for each in samples])
    return {
        "step_seconds": STEP_SECONDS,
        "turns_per_second": [round(len(each) / STEP_SECONDS, 2) for each in turns],
        "first_word_p50_ms": [round(statistics.median(each)) if each else None for each in words],
        "first_word_p95_ms": [round(_p95(each)) if each else None for each in words],
        "pss_mb": [round(statistics.fmean(each), 1) if each else None for each in memory],
        "processes": [round(max(each)) if each else None for each in alive],
        "phases": [
            {
                "name": each.phase,
                "from": round(each.started_at - start, 1),
                "to": round((each.ended_at or end) - start, 1),
            }
            for each in tallies
        ],
    }


def _p95(values: list[float]) -> float:
    return values[0] if len(values) == 1 else statistics.quantiles(values, n=20, method="inclusive")[18]
