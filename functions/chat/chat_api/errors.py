"""What a request can be refused for. `app.py` alone knows the HTTP status of each.

    RefusedError
    ├── InvalidRequestError      not a ChatKit request, or one that cannot be carried out
    ├── NotFoundRequestError     names a thread, item or file that this user does not have
    ├── ConflictError            is right in itself but not in this state (a locked thread, a file already sent)
    │   └── RepeatedTurnError    this turn was received before
    ├── TooManyRequestsError     over a limit of number
    └── TooLargeError            over a limit of size
    UnavailableError             a service that is needed does not answer

Messages are for the client: they say what was wrong and what to do, and hold nothing internal.
"""

from __future__ import annotations


class RefusedError(Exception):
    """A request that was refused before anything was stored."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequestError(RefusedError):
    """The body is not a ChatKit request, or asks for something that cannot be done."""


class NotFoundRequestError(RefusedError):
    """The request names something that does not exist for this user."""


class ConflictError(RefusedError):
    """The request does not fit the state of what it names."""


class TooLargeError(RefusedError):
    """The request is over a limit of size."""


class RepeatedTurnError(ConflictError):
    """The turn runs or has run; `thread_id` is where."""

    def __init__(self, thread_id: str | None) -> None:
        super().__init__(
            "this message was received before: look into the conversation, and send it anew if it is not there"
        )
        self.thread_id = thread_id


class TooManyRequestsError(RefusedError):
    """A limit of the user or of everybody is reached."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(Exception):
    """A service that is needed for the request does not answer; the message is for the log."""
