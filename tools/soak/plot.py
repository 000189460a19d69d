"""Plots of the runs: turns per second, time to the first word, memory; fault phases are shaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from tools import ROOT

PICTURE = ROOT / "tools" / "bench" / "results" / "soak.png"


def plot(runs: Mapping[str, Mapping[str, Any]], path: Path = PICTURE) -> None:
    """Draw one column per run; `runs` maps a title to its course."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # after selecting a backend that needs no display

    figure, grid = plt.subplots(3, len(runs), figsize=(7 * len(runs), 9), layout="constrained", squeeze=False)
    for column, (title, course) in enumerate(runs.items()):
        turns, words, memory = (row[column] for row in grid)
        turns.set_title(title)
        _draw(turns, course, "turns per second", turns_per_second="all users")
        _name_phases(turns, course)
        _draw(words, course, "first word, ms", first_word_p50_ms="median", first_word_p95_ms="95th percentile")
        words.set_yscale("log")
        _draw(memory, course, "MB per process", pss_mb="proportional set size, mean")
        memory.set_ylim(bottom=0, top=memory.get_ylim()[1] * 1.2)
        memory.set_xlabel("seconds")
    figure.savefig(path, dpi=100)  # pyright: ignore[reportUnknownMemberType]
    plt.close(figure)


def _draw(panel: Any, course: Mapping[str, Any], label: str, **series: str) -> None:
    step = course["step_seconds"]
    for name, title in series.items():
        points = [((n + 0.5) * step, value) for n, value in enumerate(course[name]) if value is not None]
        panel.plot([at for at, _ in points], [value for _, value in points], marker=".", label=title)
    for number, phase in enumerate(_phases(course)):
        panel.axvspan(phase["from"], phase["to"], color="C3" if number % 2 else "C1", alpha=0.12)
    panel.set_ylabel(label)
    panel.legend(loc="best", fontsize=7)


def _name_phases(panel: Any, course: Mapping[str, Any]) -> None:
    """Add the phases' names above the curve."""
    if phases := _phases(course):
        panel.set_ylim(bottom=0, top=panel.get_ylim()[1] * 1.5)
        for phase in phases:
            middle = (phase["from"] + phase["to"]) / 2
            panel.annotate(
                phase["name"], (middle, 0.99), rotation=90, fontsize=7, ha="center", va="top",
                xycoords=("data", "axes fraction"),
            )  # fmt: skip


def _phases(course: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the phases if there is more than one."""
    return course["phases"] if len(course["phases"]) > 1 else []
