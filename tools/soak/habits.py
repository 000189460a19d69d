"""The habits of simulated users: their actions, pauses and ways to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.soak.take import PLAIN, Manner


@dataclass(frozen=True)
class Habits:
    """A user's actions with their weights, its mean pause in seconds, and the way it reads answers."""

    weights: Mapping[str, float]
    think_seconds: float
    words: tuple[int, int] = (8, 40)
    manner: Manner = PLAIN
    undisturbed: bool = True
    """Whether no fault is active that keeps a turn from completing."""


EVERYDAY = {
    "new": 1.0,
    "follow": 5.0,
    "read": 1.5,
    "list": 1.0,
    "stop": 0.7,
    "leave": 0.4,
    "refresh": 0.6,
    "tunnel": 0.5,
    "second_tab": 0.5,
    "retry": 0.6,
    "file": 0.6,
    "rename": 0.5,
    "delete": 0.3,
}
