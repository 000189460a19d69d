"""AWS's Runtime API client, extended to stream.

    bootstrap.run("package.module.handler", StreamingRuntimeClient("127.0.0.1:9001"))

`bootstrap.run` keeps the managed runtime's loop, log formats, X-Ray, init errors and SnapStart hooks. Three things
change: the main thread polls for events (`poll`); the marshaller marks them, so that a handler knows that its
response can be streamed, and passes a `StreamingResponse` through; posting one runs the application.
"""

# awslambdaric has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awslambdaric
from awslambdaric import lambda_runtime_client
from awslambdaric.lambda_runtime_client import InvocationRequest, LambdaRuntimeClient
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from lambda_streaming.adapter import StreamableEvent
from lambda_streaming.errors import RuntimeClientError
from lambda_streaming.logs import logger_of
from lambda_streaming.poll import Poll
from lambda_streaming.response import StreamingResponse
from lambda_streaming.wire import CONTENT_TYPE

_logger = logger_of(__name__)


class StreamingMarshaller(LambdaMarshaller):
    """JSON in and out, except for responses that are streamed."""

    def unmarshal_request(self, request: bytes, content_type: str = "application/json") -> Any:
        event = super().unmarshal_request(request, content_type)
        return StreamableEvent(event) if isinstance(event, dict) else event

    def marshal_response(self, response: Any) -> tuple[Any, str]:
        if isinstance(response, StreamingResponse):
            return response, CONTENT_TYPE
        return super().marshal_response(response)


class StreamingRuntimeClient(LambdaRuntimeClient):
    """Polls and posts streamed responses itself, buffered ones as AWS's client does, and survives a rejected one."""

    marshaller = StreamingMarshaller()

    def __init__(self, address: str) -> None:
        """Take the Runtime API's `address` (host:port).

        Raises RuntimeClientError if the C module is not the one that was installed with awslambdaric: it is a top-level
        module, awslambdaric ignores its absence, and `/var/runtime` may contain another.
        """
        _check_runtime_client()
        super().__init__(address)
        self._poll = Poll(address)
        self.instead_of_polling: Callable[[], object] | None = None
        """Called when the current invocation has been answered; SIGTERM sets it."""

    def wait_next_invocation(self) -> Any:
        """Wait for an event in this thread; signal handlers run meanwhile."""
        if self.instead_of_polling is not None:
            self.instead_of_polling()
        event, headers = self._poll.next()
        return InvocationRequest(
            invoke_id=headers.get("lambda-runtime-aws-request-id"),
            x_amzn_trace_id=headers.get("lambda-runtime-trace-id"),
            invoked_function_arn=headers.get("lambda-runtime-invoked-function-arn"),
            deadline_time_in_ms=int(headers.get("lambda-runtime-deadline-ms", "0")),
            client_context=headers.get("lambda-runtime-client-context"),
            cognito_identity=headers.get("lambda-runtime-cognito-identity"),
            tenant_id=headers.get("lambda-runtime-aws-tenant-id"),
            content_type=headers.get("content-type"),
            event_body=event,
            invocation_id=headers.get("lambda-runtime-invocation-id"),
        )

    def post_invocation_result(
        self, invoke_id: str, result_data: Any, content_type: str = "application/json", invocation_id: str | None = None
    ) -> None:
        if isinstance(result_data, StreamingResponse):
            reusable = result_data.post(self.lambda_runtime_address, invoke_id, invocation_id, self._poll.lend())
            if reusable is not None:
                self._poll.take_back(reusable)
        else:
            super().post_invocation_result(invoke_id, result_data, content_type, invocation_id)

    def close(self) -> None:
        """Close the connection that stays open between events."""
        self._poll.close()

    def handle_exception(self, exc: Exception, func_to_retry: Any = None, use_backoff: bool = False) -> None:
        """Log a rejected response instead of ending the process, as AWS's client would.

        A stale response gets 410, one that is too large 413; neither harms the process. If the Runtime API itself is
        broken, the next poll fails.
        """
        _logger.warning("the response was not accepted: %s", exc)


def _check_runtime_client() -> None:
    site = Path(awslambdaric.__file__).parent.parent
    found = getattr(lambda_runtime_client.runtime_client, "__file__", None)
    if found is None or Path(found).parent != site:
        raise RuntimeClientError(found, str(site))
