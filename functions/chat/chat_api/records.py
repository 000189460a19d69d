"""What is kept beside threads and items, as `store_dynamo` does it: turns, counters, feedback, titles of our own.

records = Records(store.turns, store.rates, store.feedback, titles=store)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chatkit.types import FeedbackKind

from chat_api.context import RequestContext


class Turns(Protocol):
    """Each turn is claimed once and can be cancelled."""

    async def claim(self, turn_id: str, thread_id: str, context: RequestContext) -> None:
        """Begin a turn. Raises store_dynamo's TurnClaimedError."""
        ...

    async def release(self, turn_id: str, context: RequestContext) -> None:
        """Forget a turn that was refused after its claim."""
        ...

    async def cancel(self, turn_id: str, context: RequestContext) -> bool:
        """Ask a turn to stop; False when this user has no such turn."""
        ...

    async def is_cancelled(self, turn_id: str, context: RequestContext) -> bool: ...


class Rates(Protocol):
    """Counters with a limit per window of time. Both raise store_dynamo's RateExceededError, and then count nothing."""

    async def count(
        self, name: str, limit: int, window: timedelta, context: RequestContext, *, amount: int = 1
    ) -> None: ...
    async def count_shared(self, name: str, limit: int, window: timedelta, *, amount: int = 1) -> None: ...


class Feedback(Protocol):
    """What users think of items. Raises ChatKit's NotFoundError for what is not theirs."""

    async def put(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: RequestContext
    ) -> None: ...


class Titles(Protocol):
    """A store that tells automatic titles from users' own."""

    async def set_automatic_title(self, thread_id: str, title: str, context: RequestContext) -> str:
        """Title a thread unless a user did; return the title in force."""
        ...


@dataclass(frozen=True, slots=True)
class Records:
    """All of them together."""

    turns: Turns
    rates: Rates
    feedback: Feedback
    titles: Titles
