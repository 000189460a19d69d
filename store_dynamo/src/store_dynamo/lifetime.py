"""When records expire, and the condition that a thread lives, which every write under it carries (promises S8, S10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from store_dynamo.expressions import ALIVE, Attributes, given, seconds, update
from store_dynamo.keys import thread_key

Clock = Callable[[], datetime]

TURN_LIFE = timedelta(hours=1)
"""Longer than any turn: Lambda ends one after 15 minutes. A tombstone stays as long."""

UNCLAIMED_LIFE = timedelta(days=1)
"""An attachment that no message refers to; the lifecycle rule of `pending/` has the same age."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The clock and how long a thread is kept after its last message; None keeps it for ever."""

    clock: Clock = utc_now
    retention: timedelta | None = None

    def now(self) -> Attributes:
        """Return the value that ALIVE and UNEXPIRED compare with."""
        return {":now": seconds(self.clock())}

    def after_a_turn(self) -> Attributes:
        """Return the value for UNEXPIRED to hold until a turn that begins now is over."""
        return {":now": seconds(self.clock() + TURN_LIFE)}

    def expiry(self) -> Attributes:
        """Return when a thread that gets a message now will expire."""
        return {"expires_at": seconds(self.clock() + self.retention)} if self.retention else {}

    def thread_lives(self, user_id: str, thread_id: str, *, renew: bool = False) -> dict[str, Any]:
        """Return the action of a transaction which requires the thread to live and, with `renew`, keeps it longer."""
        where: dict[str, Any] = {"Key": thread_key(user_id, thread_id), "ConditionExpression": ALIVE}
        if renew and self.retention:
            return {"Update": where | update(assign=self.expiry(), values=self.now())}
        return {"ConditionCheck": where | given(self.now())}
