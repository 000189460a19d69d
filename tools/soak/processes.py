"""The function's processes: their number and memory, and signals that kill or freeze them.

processes = Processes(function)
processes.sample()           # one measurement of the memory
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
    """Memory of the running processes at one moment (`time.monotonic`): proportional set sizes in MB by process id."""

    at: float
    pss_mb: dict[int, float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.pss_mb.values()) if self.pss_mb else 0.0


@dataclass
class Processes:
    """The processes of one function and the samples of their memory."""

    function: LocalFunction
    samples: list[Sample] = field(default_factory=list[Sample])
    _asleep: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def alive(self) -> list[FunctionProcess]:
        return [each for each in self.function.processes if each.running]

    @property
    def busy(self) -> list[FunctionProcess]:
        """The processes with an event, without those that are starting."""
        idle = self.function.idle_processes
        return [each for each in self.alive if each not in idle and each.api.polled.is_set()]

    def sample(self) -> Sample:
        """Measure the memory of all running processes and record it."""
        pids = [each.pid for each in self.alive]
        pss = {pid: mb for pid in pids if (mb := pss_mb(pid)) is not None}
        self.samples.append(Sample(time.monotonic(), pss))
        return self.samples[-1]

    def kill_one_busy(self) -> bool:
        """Kill a busy process. Return False when none is busy."""
        return self._signal_one_busy(signal.SIGKILL)

    def freeze_one_busy(self) -> bool:
        """Freeze a busy process, which then runs into Lambda's timeout. Return False when none is busy."""
        return self._signal_one_busy(signal.SIGSTOP)

    def put_to_sleep(self, seconds: float, at_once: int) -> None:
        """Wake up those that have slept for `seconds`, and freeze a busy process unless `at_once` are asleep."""
        self.wake_up(seconds)
        awake = [each for each in self.busy if each.pid not in self._asleep]
        if awake and len(self._asleep) < at_once:
            pid = random.choice(awake).pid
            os.kill(pid, signal.SIGSTOP)
            self._asleep[pid] = time.monotonic()

    def wake_up(self, seconds: float = 0) -> None:
        """Wake up the processes that have slept for `seconds`."""
        alive = {each.pid for each in self.alive}
        for pid in [pid for pid, since in self._asleep.items() if time.monotonic() - since >= seconds]:
            del self._asleep[pid]
            if pid in alive:
                os.kill(pid, signal.SIGCONT)

    def kill_half(self) -> int:
        """Kill every second process; the function starts new ones on demand. Return their number."""
        victims = self.alive[::2]
        for each in victims:
            os.kill(each.pid, signal.SIGKILL)
        return len(victims)

    def _signal_one_busy(self, number: signal.Signals) -> bool:
        if not (busy := self.busy):
            return False
        os.kill(random.choice(busy).pid, number)  # safe: a child that has not been reaped keeps its id
        return True

    def growth(self, warm_at: float) -> dict[str, float]:
        """Return the growth of memory after `warm_at`: means over the processes that ran until the end."""
        course = [each for each in self.samples if each.at >= warm_at]
        if len(course) < 3:
            return {}
        steady = set(course[0].pss_mb).intersection(*(each.pss_mb for each in course))
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
    """Return a process's proportional set size in MB, including its part of shared pages; None if it has ended."""
    return _size_mb(pid, "Pss")


def own_mb(pid: int) -> float | None:
    """Return the memory in MB that a process has allocated; None if it has ended.

    Pages of its files do not count: the part of them that `pss_mb` includes grows when another process with the same
    interpreter or libraries ends.
    """
    return _size_mb(pid, "Anonymous")


def _size_mb(pid: int, name: str) -> float | None:
    """Return a line of `smaps_rollup` (proc_pid_smaps_rollup(5)) in MB."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    sizes = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith(f"{name}:")]
    return sizes[0] / KB_PER_MB if sizes else None
