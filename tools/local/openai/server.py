"""The local model server: OpenAI's API over HTTP with streaming and rule-based answers.

    with ModelServer.start(delay_seconds=0.02) as model:
        client = AsyncOpenAI(base_url=model.url, api_key=API_KEY)
        ...
        model.requests[-1].first_delta_at       # epoch seconds, to compare with another process's clock

    python -m tools.local.openai.server --port 8123    # GET /_requests returns the recorded requests

    POST /v1/responses · POST /v1/chat/completions · POST /v1/audio/transcriptions · GET /v1/models[/{name}]

The real `openai` client and Agents SDK call it, so the code under test is the same with and without a key. Each delta
is sent and recorded at its own time, and the server detects a client's disconnect at once.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Self

import uvicorn

from tools.local.callers import refusal
from tools.local.openai.exchange import DIALECTS, Exchange, Receive, RecordedRequest, Send
from tools.local.openai.request import MODELS, describe, unauthorized, unknown_model
from tools.local.openai.simulations import Failure

MODEL_LIST = "/v1/models"
AUDIO = "/v1/audio/transcriptions"
API_KEY = "sk-local-model"
KEPT_REQUESTS = 500
START_LIMIT_SECONDS = 10


class ModelServer:
    """One running server in its own thread. Call `stop()` or use it as a context manager."""

    def __init__(self, delay_seconds: float, port: int) -> None:
        self.delay_seconds = delay_seconds
        """Pause before each delta, also of answers that have begun."""
        self.limits = dict[str, int]()
        """Events of a type that each streamed answer sends; it holds the next one until the limit grows or is gone."""
        self.missing_models = set[str]()
        """Models that are answered with 404, as after their shutdown."""
        self.shutdown_dates = dict[str, str]()
        """Days on which models shut down, for `GET /v1/models`."""
        self.strict_chat = False
        """Whether Chat Completions refuse messages whose roles do not alternate."""
        self.requests: deque[RecordedRequest] = deque(maxlen=KEPT_REQUESTS)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_level=logging.CRITICAL,  # a cut on purpose is not worth a traceback
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="model", daemon=True)

    @classmethod
    def start(cls, delay_seconds: float = 0.02, port: int = 0) -> Self:
        """Start a server on the loopback interface and wait until it accepts requests; `port` 0 takes a free one."""
        model = cls(delay_seconds, port)
        model._thread.start()
        limit = time.monotonic() + START_LIMIT_SECONDS
        while not model._server.started:
            if time.monotonic() > limit or not model._thread.is_alive():
                raise RuntimeError("the model server did not start")
            time.sleep(0.005)
        return model

    def stop(self) -> None:
        """Stop the server and all open answers; a second call does nothing."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    async def _app(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if reason := refusal({name.decode(): value.decode("latin-1") for name, value in scope["headers"]}):
            await Exchange(RecordedRequest(scope["path"], time.time()), receive, send, lambda: 0.0).fail(
                Failure(403, reason)
            )
            return
        record = RecordedRequest(scope["path"], time.time())
        exchange = Exchange(
            record,
            receive,
            send,
            lambda: self.delay_seconds,
            limits=self.limits,
            missing_models=self.missing_models,
            strict_chat=self.strict_chat,
        )
        if scope["path"] in {AUDIO, *DIALECTS}:
            self.requests.append(record)
        try:
            await self._route(scope, exchange)
        except Exception as error:
            await exchange.crash(error)

    async def _route(self, scope: MutableMapping[str, Any], exchange: Exchange) -> None:
        match scope["method"], scope["path"]:
            case "GET", "/_requests":
                await exchange.json(200, {"requests": [request.summary() for request in self.requests]})
            case _ if failure := unauthorized(_header(scope, b"authorization")):
                await exchange.fail(failure)
            case "GET", path if path == MODEL_LIST:
                data = [self._describe(name) for name in MODELS if name not in self.missing_models]
                await exchange.json(200, {"object": "list", "data": data})
            case "GET", path if path.startswith(f"{MODEL_LIST}/"):
                name = path.removeprefix(f"{MODEL_LIST}/")
                if name in self.missing_models:
                    await exchange.fail(unknown_model(name))
                else:
                    await exchange.json(200, self._describe(name))
            case "POST", path if path in DIALECTS:
                await exchange.respond(DIALECTS[path])
            case "POST", path if path == AUDIO:
                await exchange.transcribe(_header(scope, b"content-type"))
            case _:
                await exchange.fail(Failure(404, f"Invalid URL ({scope['method']} {scope['path']})"))

    def _describe(self, name: str) -> dict[str, Any]:
        return describe(name, self.shutdown_dates.get(name))


def _header(scope: MutableMapping[str, Any], name: bytes) -> str:
    return dict(scope["headers"]).get(name, b"").decode("latin-1")


def main() -> None:
    """Run a server until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for OpenAI's Responses API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-seconds", type=float, default=0.02)
    arguments = parser.parse_args()
    with ModelServer.start(arguments.delay_seconds, arguments.port) as model, contextlib.suppress(KeyboardInterrupt):
        print(model.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
