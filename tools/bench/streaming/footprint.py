"""Memory, processor time and wakeups of a group of processes. Linux only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ (\S+) \S+ (\d+) *(.*)$")


@dataclass(frozen=True)
class Activity:
    """Processor time and voluntary context switches since the start of the processes."""

    cpu_ms: float
    wakeups: int

    def since(self, earlier: Activity) -> Activity:
        return Activity(self.cpu_ms - earlier.cpu_ms, self.wakeups - earlier.wakeups)


def activity(pids: Iterable[int]) -> Activity:
    """Return the activity of all threads of the processes so far; the clock's resolution is nanoseconds."""
    cpu_ns, wakeups = 0, 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            status = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.MULTILINE)
            wakeups += int(status[1]) if status else 0
    return Activity(cpu_ns / 1e6, wakeups)


def memory_mb(pids: Iterable[int]) -> float:
    """Return the resident memory of the processes (10⁶ bytes); pages of a file that several map count once.

    The sum of RSS would count libc once per process, and PSS depends on the other processes of the machine.
    """
    private_kb = 0
    shared_kb: dict[tuple[str, str, str], int] = {}
    for pid in pids:
        key: tuple[str, str, str] = ("", "", "")
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if found := MAPPING.match(line):
                key = found[1], found[2], found[3]
            elif line.startswith("Rss:"):
                resident = int(line.split()[1])
            elif line.startswith("Anonymous:"):
                anonymous = int(line.split()[1])
                private_kb += anonymous
                shared_kb[key] = max(shared_kb.get(key, 0), resident - anonymous)  # pyright: ignore[reportPossiblyUnboundVariable]
    return (private_kb + sum(shared_kb.values())) * 1024 / 1e6


def peak_mb(pids: Iterable[int]) -> float:
    """Return the sum of the processes' peak resident sizes."""
    found = (re.search(r"^VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE) for pid in pids)
    return sum(int(each[1]) for each in found if each) * 1024 / 1e6
