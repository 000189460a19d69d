"""The function's processes from outside: how many there are, what memory they hold, and how to hurt them.

processes = Processes(function)
processes.sample()           # one line of the memory's course
processes.kill_one_busy()    # SIGKILL, as when Lambda loses a machine
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tools.local.function.process import FunctionProcess, LocalFunction

KB_PER_MB = 1024


@dataclass(frozen=True)
class Sample:
    """Memory of the processes alive at one moment: proportional set sizes in MB by process id."""

    at: float
    pss_mb: dict[int, float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.pss_mb.values()) if self.pss_mb else 0.0


@dataclass
class Processes:
    """Those of one function."""

    function: LocalFunction
    samples: list[Sample] = field(default_factory=list[Sample])

    @property
    def alive(self) -> list[FunctionProcess]:
        return [each for each in self.function._processes if each._exit is not None and not each._exit.done()]

    @property
    def busy(self) -> list[FunctionProcess]:
        """Those at work; not those that are starting."""
        return [each for each in self.alive if each not in self.function._idle and each.api.polled.is_set()]

    def sample(self) -> Sample:
        """Measure and keep."""
        pids = [each._process.pid for each in self.alive]
        pss = {pid: mb for pid in pids if (mb := pss_mb(pid)) is not None}
        self.samples.append(Sample(time.monotonic(), pss))
        return self.samples[-1]

    def kill_one_busy(self) -> bool:
        """End a process that is at work without a word; False when none is."""
        return self._signal_one_busy(signal.SIGKILL)

    def freeze_one_busy(self) -> bool:
        """Stop a process that is at work; only Lambda's timeout ends it."""
        return self._signal_one_busy(signal.SIGSTOP)

    def kill_half(self) -> int:
        """End every second process; others start anew when they are needed."""
        victims = self.alive[::2]
        for each in victims:
            os.kill(each._process.pid, signal.SIGKILL)
        return len(victims)

    def _signal_one_busy(self, number: signal.Signals) -> bool:
        if not (busy := self.busy):
            return False
        os.kill(random.choice(busy)._process.pid, number)  # our own child, not reaped yet
        return True

    def growth(self, warm_at: float) -> dict[str, float]:
        """Return how memory went after `warm_at`: of the processes alive from then to the end, means in MB."""
        course = [each for each in self.samples if each.at >= warm_at]
        if len(course) < 3:
            return {}
        steady = set.intersection(*(set(each.pss_mb) for each in course))
        if not steady:
            return {}
        minutes = [(each.at - warm_at) / 60 for each in course]
        means = [statistics.fmean(each.pss_mb[pid] for pid in steady) for each in course]
        slope, _ = statistics.linear_regression(minutes, means)
        return {
            "processes": len(steady),
            "first_mb": round(means[0], 1),
            "last_mb": round(means[-1], 1),
            "mb_per_minute": round(slope, 3),
        }


def pss_mb(pid: int) -> float | None:
    """Return a process's proportional set size, its share of what it shares included; None when it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    sizes = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    return sizes[0] / KB_PER_MB if sizes else None
