"""Request context: the verified user and the deadline, passed to every store call and every assistant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store_dynamo.access import LONG_AGO


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RequestContext:
    """One request of one verified user.

    `user_id` is the token's `sub` and the only key that addresses data. Access tokens contain no email address.
    `locale` is the preferred entry of `Accept-Language`, such as "de-AT" (`languages.preferred`).
    `deadline` (aware, UTC) is the end of the Lambda invocation.
    `signed_in_at` is the time of the sign-in, which a renewed token keeps.
    `source` is the client's address, for the audit record.
    """

    user_id: str
    username: str
    groups: frozenset[str]
    locale: str
    request_id: str
    turn_id: str
    deadline: datetime
    signed_in_at: datetime = LONG_AGO
    source: str = ""
