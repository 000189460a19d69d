"""What is measured of a turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from chat_api.assistant import Turn


@dataclass
class TurnMeter:
    """Times are of `time.perf_counter`, in seconds; None until it happened."""

    started: float = field(default_factory=time.perf_counter)
    asked: float | None = None
    """When the assistant was asked: all before it is ours."""
    spoke: float | None = None
    """When its first event came."""
    ended: float | None = None
    outcome: str = "answered"
    error: str | None = None
    """The class of what failed."""
    input_tokens: int = 0
    output_tokens: int = 0

    def ask(self) -> None:
        self.asked = self.asked or time.perf_counter()

    def speak(self) -> None:
        self.spoke = self.spoke or time.perf_counter()

    def fail(self, error: BaseException) -> None:
        """Note a failure: the class of its cause, which says more than what the user is told."""
        self.outcome, self.error = "failed", type(error.__cause__ or error).__name__

    def end(self, turn: Turn) -> None:
        """Note the end, and what the assistant says it used."""
        self.ended = time.perf_counter()
        self.input_tokens, self.output_tokens = turn.input_tokens, turn.output_tokens

    def summary(self) -> dict[str, str | float | None]:
        """Return the keys of the log line."""
        return {
            "outcome": self.outcome,
            "kind": self.error,
            "asked_ms": self.milliseconds(self.asked),
            "first_token_ms": self.milliseconds(self.spoke),
            "total_ms": self.milliseconds(self.ended),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }

    def milliseconds(self, at: float | None) -> float | None:
        """Return the time from the start until `at`."""
        return None if at is None else round((at - self.started) * 1000, 1)
