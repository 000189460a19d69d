"""Progress of a run: a line that updates in a terminal, or a line every 15 seconds in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from tools.soak.posting import BUSY
from tools.soak.processes import Processes
from tools.soak.run import Watch
from tools.soak.tally import Tally

LOG_SECONDS = 15.0


class Screen(Watch):
    """Shows progress within its context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console)
        self._violations = 0
        self._printed_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, tb: TracebackType | None) -> None:
        self._status.stop()

    def step(self, text: str) -> None:
        self._show(text)

    def second(self, tally: Tally, processes: Processes, left_seconds: float) -> None:
        violations = self._violations + len(tally.violations)
        memory = processes.samples[-1].mean if processes.samples else 0.0
        self._show(
            f"{tally.phase}: {max(0, left_seconds):.0f} s left, {tally.turns} turns, "
            f"{len(processes.busy)} of {len(processes.alive)} processes busy ({memory:.0f} MB), "
            f"{tally.refusals[BUSY]} × 429, {tally.reposts} retries, "
            f"{'[red]' if violations else ''}{violations} violations{'[/red]' if violations else ''}"
        )

    def phase_over(self, tally: Tally) -> None:
        self._violations += len(tally.violations)
        ends = ", ".join(f"{end.value} {count}" for end, count in tally.ends.most_common())
        mark = "[red]✗[/red]" if tally.violations else "[green]✓[/green]"
        self._console.print(f"{mark} {tally.phase}: {tally.turns} turns ({ends})", highlight=False)
        for violation in tally.violations:
            self._console.print(f"  [red]{violation}[/red]", highlight=False, soft_wrap=True)
        self._printed_at = time.monotonic()

    def _show(self, text: str) -> None:
        if self._console.is_terminal:
            self._status.update(text)
        elif time.monotonic() - self._printed_at >= LOG_SECONDS:
            self._console.print(text, highlight=False)
            self._printed_at = time.monotonic()
