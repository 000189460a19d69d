"""What can go wrong between an ASGI application and the Runtime API.

LambdaStreamingError
├── RuntimeClientError         the layer is not complete
├── PollError                  the Runtime API gave no event
├── ResponseError              the application did not send a response that can be sent on
│   ├── UnexpectedMessageError
│   ├── IncompleteResponseError
│   ├── EncodedResponseError
│   └── PreludeSizeError
└── ResponseRejectedError      the Runtime API stopped listening (an OSError, as ASGI asks of `send`)
"""

from __future__ import annotations


class LambdaStreamingError(Exception):
    """Base of all errors of this package."""


class RuntimeClientError(LambdaStreamingError):
    """The C module `runtime_client` is missing, or is not the one that came with `awslambdaric`."""

    def __init__(self, module: str | None, beside: str) -> None:
        super().__init__(f"runtime_client must lie beside awslambdaric in {beside}, but is {module or 'missing'}")
        self.module = module
        self.beside = beside


class PollError(LambdaStreamingError):
    """The Runtime API gave no event; the process cannot go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no event from the Runtime API: {reason}")
        self.reason = reason


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
    """The application compressed its response; Function URLs strip `content-encoding`, the client would read noise."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"a streamed response cannot have content-encoding {encoding!r}: let CloudFront compress")
        self.encoding = encoding


class PreludeSizeError(ResponseError):
    """Status and headers exceed what API Gateway looks through for the delimiter."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"status and headers take {size_bytes} bytes; API Gateway allows {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class ResponseRejectedError(LambdaStreamingError, OSError):
    """The Runtime API answered, or hung up, before the body was complete; `status` is None if it hung up."""

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(f"the Runtime API {'hung up' if status is None else f'answered {status}'}: {reason}")
        self.status = status
        self.reason = reason
