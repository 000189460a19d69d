"""The picture of the figures: one panel per figure, one bar per subject."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from tools.bench.section import number
from tools.bench.streaming.section import MANGUM, ORDER

COLOURS = dict(zip(ORDER, ("#2563eb", "#d97706", "#9ca3af", "#6b7280"), strict=True))
TITLES = {
    "first_byte_ms": "time to first byte, ms",
    "chunk_latency_p99_ms": "latency of a token, 99th percentile, ms",
    "chunks_per_second": "tokens per second of one stream",
    "body_last_byte_ms": "5 MB in and out, ms",
    "memory_mb": "memory, MB",
    "idle_cpu_ms_per_minute": "idle processor time, ms per minute",
}
NOT_STREAMED = ("chunk_latency_p99_ms", "chunks_per_second")


def draw(subjects: Mapping[str, Any], path: Path) -> None:
    """Write the picture of all subjects to `path`."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # after selecting a backend that needs no display

    figure, panels = plt.subplots(2, 3, figsize=(12, 5.2), layout="constrained", sharey=True)
    names = [name for name in ORDER if name in subjects]
    for panel, (key, title) in zip(panels.flat, TITLES.items(), strict=True):
        _panel(panel, key, {name: subjects[name] for name in names})
        panel.set_title(title, fontsize=11, loc="left")
    figure.savefig(path, dpi=120)  # pyright: ignore[reportUnknownMemberType]
    plt.close(figure)


def _panel(panel: Any, key: str, subjects: Mapping[str, Any]) -> None:
    largest = max(_value(each, key) for name, each in subjects.items() if not _absent(key, name))
    for place, (name, each) in enumerate(subjects.items()):
        if _absent(key, name):
            panel.text(0, place, " buffered, all at the end", va="center", fontsize=9, color=COLOURS[name])
            continue
        panel.barh(place, _value(each, key), color=COLOURS[name], height=0.62)
        panel.text(_value(each, key) + largest * 0.02, place, number(_value(each, key)), va="center", fontsize=9)
    panel.set_yticks(range(len(subjects)), subjects)
    panel.set_xlim(0, largest * 1.18)
    panel.invert_yaxis() if not panel.yaxis_inverted() else None
    panel.xaxis.set_visible(False)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _absent(key: str, name: str) -> bool:
    return name == MANGUM and key in NOT_STREAMED


def _value(subject: Mapping[str, Any], key: str) -> float:
    if key in subject["footprint"]:
        return subject["footprint"][key]
    value = subject["medians"][key]
    return value["5 MB"] if key.startswith("body") else value
