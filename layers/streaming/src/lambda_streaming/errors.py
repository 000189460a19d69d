"""Errors between an ASGI application and the Runtime API.

LambdaStreamingError
├── RuntimeClientError         the layer is incomplete
├── PollError                  the Runtime API did not deliver an event
├── ThreadsExhaustedError      blocking calls of earlier requests occupy too many threads
├── ResponseError              the application's response cannot be sent
│   ├── UnexpectedMessageError
│   ├── IncompleteResponseError
│   ├── EncodedResponseError
│   └── PreludeSizeError
└── ResponseRejectedError      the Runtime API stopped reading (an OSError, as ASGI requires of `send`)
"""

from __future__ import annotations


class LambdaStreamingError(Exception):
    """Base of all errors of this package."""


class RuntimeClientError(LambdaStreamingError):
    """The C module `runtime_client` is missing, or is not the one that was installed with `awslambdaric`."""

    def __init__(self, module: str | None, folder: str) -> None:
        super().__init__(f"runtime_client must be in {folder}, next to awslambdaric, but is {module or 'missing'}")
        self.module = module
        self.folder = folder


class PollError(LambdaStreamingError):
    """The Runtime API did not deliver an event; the process cannot continue."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no event from the Runtime API: {reason}")
        self.reason = reason


class ThreadsExhaustedError(LambdaStreamingError):
    """Too many blocking calls have outlived their requests, so no further one can start."""

    def __init__(self, number: int, names: str) -> None:
        super().__init__(f"{number} calls of earlier requests still block threads ({names}): give each call a timeout")
        self.number = number
        self.names = names


class ResponseError(LambdaStreamingError):
    """The application broke a rule of ASGI or of Lambda."""


class UnexpectedMessageError(ResponseError):
    """The application sent a message that is not allowed in this state of the exchange."""

    def __init__(self, message_type: str, state: str) -> None:
        super().__init__(f"ASGI message {message_type!r} is not allowed in state {state}")
        self.message_type = message_type
        self.state = state


class IncompleteResponseError(ResponseError):
    """The application returned before its response was complete."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the application returned in state {state}, before its response was complete")
        self.state = state


class EncodedResponseError(ResponseError):
    """The application compressed its response, but Function URLs strip `content-encoding`."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"a streamed response cannot have content-encoding {encoding!r}: let CloudFront compress")
        self.encoding = encoding


class PreludeSizeError(ResponseError):
    """Status and headers exceed the size within which API Gateway looks for the delimiter."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"status and headers take {size_bytes} bytes; API Gateway allows {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class ResponseRejectedError(LambdaStreamingError, OSError):
    """The Runtime API replied, or closed the connection, before the body was complete.

    `status` is None if it closed the connection.
    """

    def __init__(self, status: int | None, reason: str) -> None:
        outcome = "closed the connection" if status is None else f"answered {status}"
        super().__init__(f"the Runtime API {outcome}: {reason}")
        self.status = status
        self.reason = reason
