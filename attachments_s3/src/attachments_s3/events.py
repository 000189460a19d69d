"""What happened to files, for whoever counts it.

    S3AttachmentStore(…, on_event=lambda event: metrics.add(event.action, 1, size=event.size))

The hook is called in the event loop, after the fact, and has to be quick. It gets no name, no URL and no key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The life of a file, and its refusal."""

    CREATED = "created"  # a presigned upload was handed out
    UPLOADED = "uploaded"  # the bytes came through us
    VERIFIED = "verified"
    ACCEPTED = "accepted"
    DELETED = "deleted"
    GENERATED = "generated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: `size` in bytes where known, `reason` the error's `code` when refused."""

    action: Action
    size: int = 0
    mime_type: str = ""
    reason: str = ""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Count nothing."""
