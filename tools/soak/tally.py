"""Counts, times and violations of one phase, for progress, plot and report.

tally = Tally("calm")
tally.ended(End.ANSWERED)
tally.summary()
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tools.soak.ledger import End
from tools.soak.oracle import Violation


@dataclass
class Tally:
    """Durations are in seconds, times are `time.monotonic`."""

    phase: str
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    ends: Counter[End] = field(default_factory=Counter[End])
    actions: Counter[str] = field(default_factory=Counter[str])
    refusals: Counter[str] = field(default_factory=Counter[str])
    """HTTP refusals by status; Lambda's own 429 is separate from the API's."""
    reposts: int = 0
    """Number of retries by clients after a 5xx or Lambda's 429."""
    stored: Counter[str] = field(default_factory=Counter[str])
    """Stored parts of the phase's turns, as `oracle.kept` names them."""
    first_words: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Start of each admitted turn, and the time to its first word."""
    stops: list[float] = field(default_factory=list[float])
    """Time from the response to a cancel request to the end of the stream."""
    reloads: list[float] = field(default_factory=list[float])
    """Time from a reload during an answer to its text so far: the thread, then the events of its turn with a word."""
    turn_ends: list[float] = field(default_factory=list[float])
    violations: list[Violation] = field(default_factory=list[Violation])

    def ended(self, end: End) -> None:
        self.ends[end] += 1
        self.turn_ends.append(time.monotonic())

    @property
    def turns(self) -> int:
        return self.ends.total()

    def summary(self) -> dict[str, Any]:
        """Return the tally as JSON."""
        return {
            "seconds": round((self.ended_at or time.monotonic()) - self.started_at, 1),
            "turns": self.turns,
            "clients_saw": {end.value: count for end, count in self.ends.most_common()},
            "actions": dict(self.actions.most_common()),
            "refusals": dict(sorted(self.refusals.items())),
            "sent_again": self.reposts,
            "stored": dict(self.stored.most_common()),
            "first_word_ms": _quantiles([seconds for _, seconds in self.first_words]),
            "stop_ms": _quantiles(self.stops),
            "reload_ms": _quantiles(self.reloads),
            "violations": [str(each) for each in self.violations],
        }


def _quantiles(seconds: list[float]) -> dict[str, int] | None:
    if len(seconds) < 2:
        return None
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cuts[49] * 1000), "p95": round(cuts[94] * 1000), "p99": round(cuts[98] * 1000)}
