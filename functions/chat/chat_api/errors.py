"""Errors that reject a request. `error_responses` maps them to HTTP statuses.

    RefusedError
    ├── InvalidRequestError      not a valid ChatKit request, or one that this assistant does not support
    ├── NotFoundRequestError     names a thread, item or file that this user does not have
    ├── ConflictError            valid, but not in the current state (a locked thread, a file of another message)
    │   ├── RepeatedTurnError    this turn was received before
    │   └── BusyThreadError      another turn runs in the thread
    ├── TooManyRequestsError     exceeds a rate limit
    ├── ModeratedError           the assistant's moderation refused its text
    └── TooLargeError            exceeds a size limit
    UnavailableError             a required service does not respond
    AssistantFailedError         the assistant raised SystemExit, or a native library panicked

Clients see the messages of RefusedError: each states the fault and the remedy, without internal details.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from languages import say


class RefusedError(Exception):
    """A request that is rejected before anything is stored."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequestError(RefusedError):
    """The body is not a ChatKit request, or asks for something that is not possible."""


class NotFoundRequestError(RefusedError):
    """The request names something that does not exist for this user."""


class ConflictError(RefusedError):
    """The state of the thread, item or file does not allow the request."""


class TooLargeError(RefusedError):
    """The request exceeds a size limit."""


class ModeratedError(RefusedError):
    """The assistant's moderation refused the client's text; the message is the moderation's."""


class RepeatedTurnError(ConflictError):
    """The turn is running or has ended; `thread_id` names its thread, if known.

    `resend`: its process died before it stored the message, which may be sent again as another turn.
    """

    def __init__(self, thread_id: str | None, *, resend: bool = False) -> None:
        again = say("this message was received but not stored, because its process died: send it again as a new turn")
        seen = say("this message was already received: check the conversation and resend it only if it is missing")
        super().__init__(again if resend else seen)
        self.thread_id, self.resend = thread_id, resend


class BusyThreadError(ConflictError):
    """`turn_id` is the running turn; None if it ended in the same moment."""

    def __init__(self, thread_id: str, turn_id: str | None) -> None:
        super().__init__(say("this conversation has a running answer: wait for its end, or stop it, and send again"))
        self.thread_id, self.turn_id = thread_id, turn_id


class TooManyRequestsError(RefusedError):
    """A limit of the user, or of all users together, is reached."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(Exception):
    """A required service does not respond. The message is for the log, not for the client."""


class AssistantFailedError(Exception):
    """The assistant raised a BaseException, which would end the process; the cause says which."""


@contextmanager
def contained() -> Generator[None]:
    """Run code of the assistant: SystemExit, or the panic of a native library, ends the request and not the process."""
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise AssistantFailedError(f"the assistant raised {type(error).__name__}") from error
