"""How long things may take in a turn; tests use shorter times, a deployment these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds."""

    keep_alive: float = 15.0
    """Silence after which a comment goes out; CloudFront gives up on an origin after 30 s of silence (promise H4)."""
    cancel_poll: float = 0.4
    """Between two looks at the turn's record, so that a stop takes effect within a second (promise H6)."""
    reserve: float = 10.0
    """Kept back before the deadline for storing what was said, with retries (promise H5)."""
    title_wait: float = 3.0
    """How long a finished answer waits for its conversation's title."""
    cancel_wait: float = 2.0
    """How long a cancel request waits for a turn that is just being admitted."""

    def left(self, deadline: datetime) -> float:
        """Return the time until the model must stop; half of what is left when that is less than twice the reserve."""
        left = (deadline - datetime.now(UTC)).total_seconds()
        return max(0.0, left - self.reserve, left / 2)
