"""Approvals as values: a call that waits, its decision and outcome, and the allowance that a decision may grant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from store_dynamo.errors import StoreError

Status = Literal["pending", "begun", "done", "failed", "unknown", "denied", "expired"]

MAX_ASKED = 50
"""Calls that are asked for at once; a transaction takes 100 actions."""
MAX_ARGUMENTS_CHARS = 20_000
MAX_OUTCOME_CHARS = 8_000
MAX_REASON_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a tool that waits for its user."""

    approval_id: str
    """Sorts by time, as `keys.new_id` makes it: `list` returns the newest."""
    group: str
    """The same for all calls of one response of the model."""
    item_id: str
    """The thread item of the card."""
    tool: str
    arguments: str
    """Canonical JSON."""
    digest: str
    words: str
    """The question that the card shows."""
    until: datetime
    """The end of the time in which the call can be decided; whole seconds."""
    agent: str = ""
    model: str = ""
    siblings: str = ""
    """The outputs of the other tools of the same response, as JSON."""
    allows: str = ""
    """The calls that "Always allow" would cover, in words; empty: the call can be approved only once."""
    offer: str = ""
    """The `meaning` of that allowance, which the decision compares (`Grant`)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The allowance that an approval grants: which later calls need no card."""

    tool: str
    meaning: str
    """The digest of the tool that is allowed: a call of a tool with another one is not covered."""
    bounds: str
    """The limits of the arguments, as JSON of the caller."""
    words: str
    """The covered calls, as the card named them."""
    until: datetime | None = None
    """The end of the allowance; None: it ends when it is revoked."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A user's permission for later calls of one tool."""

    allowance_id: str
    """The id of the approval that granted it."""
    grant: Grant
    thread_id: str
    """The conversation in which it was granted."""
    granted_at: datetime
    granted_by: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A user's decision; `digest` is the one that the card showed, and `claim` that of the deciding turn."""

    approved: bool
    digest: str
    claim: str
    request_id: str = ""
    reason: str = ""
    grant: Grant | None = None
    """The allowance that an approval also grants."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a tool that was started."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """A record: the call, and its state."""

    asked: Asked
    status: Status
    asked_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    request_id: str = ""
    reason: str = ""
    claim: str = ""
    outcome: str = ""
    allowance: str = ""
    """The allowance by which the call ran without a card, or the call's own id if its approval granted one."""

    @property
    def is_granting(self) -> bool:
        """Return whether the user's approval also granted an allowance."""
        return self.allowance == self.asked.approval_id

    def is_open(self, now: datetime) -> bool:
        """Return whether the user can still decide."""
        return self.status == "pending" and now < self.asked.until


class NotDecidedError(StoreError):
    """The call cannot be decided in this way, and nothing has changed; `approval` is its record."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(f"Approval {approval.asked.approval_id} is {approval.status}, or its digest or time differs")
        self.approval = approval
