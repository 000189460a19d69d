"""Who asks, and until when: the context that every store call and every assistant gets (promise H2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RequestContext:
    """One request of one verified user.

    `user_id` is the token's `sub` and the only thing that addresses data. Access tokens carry no email address.
    `locale` is the first of `Accept-Language`. `deadline` (aware, UTC) is when Lambda ends the invocation.
    """

    user_id: str
    username: str
    groups: frozenset[str]
    locale: str
    request_id: str
    turn_id: str
    deadline: datetime
