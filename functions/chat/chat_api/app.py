"""HTTP: the routes. The app knows nothing of Lambda; which refusal is which status stands in `refusals.py`.

app = create_app(server, verifier, policy)

GET  /chatkit                       {"status": "ok"}
POST /chatkit                       one request of the ChatKit protocol; answers JSON or an event stream
POST /chatkit/turns/{turn}/cancel   stop a running turn; 202, also when it is over
GET  /chatkit/entities?q=           what can be mentioned
GET  /chatkit/composer              what the composer may offer: models, tools, dictation, mentions, attachments
GET  /chatkit/overview              what the assistant shows of the user beside the chat
GET  /chatkit/attachments           what may be attached
POST /chatkit/attachments           one file, directly
POST /chatkit/session               hosted mode: a client secret
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from attachments_s3 import Policy
from chat_api.context import RequestContext
from chat_api.errors import NotFoundRequestError
from chat_api.hosted import HostedMode
from chat_api.identity import TokenVerifier
from chat_api.incoming import body_of, checked_turn_id, context_of, one_file
from chat_api.refusals import HANDLED, refuse
from chat_api.request_log import RequestLog
from chat_api.results import StreamingResult
from chat_api.server import AssistantServer

CHATKIT_HEADERS = ("chatkit-frame-instance-id", "chatkit-session-id", "chatkit-user-id")
OUR_HEADERS = ("authorization", "content-type", "x-amz-content-sha256", "x-auth-token", "x-turn-id")
NOT_STORED = {"cache-control": "no-store"}
MAX_QUERY_CHARS = 200

Hook = Callable[[], Awaitable[None]]


def create_app(
    server: AssistantServer,
    verifier: TokenVerifier,
    policy: Policy,
    allowed_origins: Sequence[str] = (),
    hosted: HostedMode | None = None,
    on_start: Sequence[Hook] = (),
    on_stop: Sequence[Hook] = (),
) -> FastAPI:
    """Return the ASGI app; `on_start` and `on_stop` run once per process, as ASGI lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        for hook in on_start:
            await hook()
        yield
        for hook in on_stop:
            await hook()

    # A redirect to the path without its slash would name the Function URL, which is not where the browser came from.
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.router.routes.extend(Routes(server, verifier, policy, hosted).routes())
    for error in HANDLED:
        app.add_exception_handler(error, refuse)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=[*OUR_HEADERS, *CHATKIT_HEADERS],
            expose_headers=["retry-after", "x-request-id", "x-turn-id"],
            max_age=7200,
        )
    app.add_middleware(RequestLog)
    return app


@dataclass(frozen=True, slots=True)
class Routes:
    """One method per route.

    They are Starlette's routes in FastAPI's app: nothing here is declared by types, and for routes of its own FastAPI
    imports `pydantic.v1` and more, a tenth of a cold start that asks no model.
    """

    server: AssistantServer
    verifier: TokenVerifier
    policy: Policy
    hosted: HostedMode | None

    def routes(self) -> list[Route]:
        return [
            Route("/chatkit", self.health, methods=["GET"]),
            Route("/chatkit", self.chatkit, methods=["POST"]),
            Route("/chatkit/turns/{turn_id}/cancel", self.cancel, methods=["POST"]),
            Route("/chatkit/entities", self.entities, methods=["GET"]),
            Route("/chatkit/composer", self.composer, methods=["GET"]),
            Route("/chatkit/overview", self.overview, methods=["GET"]),
            Route("/chatkit/attachments", self.attachment_policy, methods=["GET"]),
            Route("/chatkit/attachments", self.upload, methods=["POST"]),
            Route("/chatkit/session", self.session, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def chatkit(self, request: Request) -> Response:
        context = await self._context(request)
        result = await self.server.process(await body_of(request), context)
        headers = {"x-turn-id": context.turn_id, **NOT_STORED}
        if isinstance(result, StreamingResult):
            return StreamingResponse(result.json_events, media_type="text/event-stream", headers=headers)
        return Response(result.json, media_type="application/json", headers=headers, background=self._prepared())

    async def cancel(self, request: Request) -> Response:
        turn_id: str = request.path_params["turn_id"]
        context = await self._context(request)
        await self.server.cancel(checked_turn_id(turn_id), context)
        return JSONResponse({"turn_id": turn_id}, status_code=202, headers=NOT_STORED)

    async def entities(self, request: Request) -> Response:
        context = await self._context(request)
        query = request.query_params.get("q", "")[:MAX_QUERY_CHARS]
        return JSONResponse(await self.server.entities(query, context), headers=NOT_STORED)

    async def composer(self, request: Request) -> Response:
        await self._context(request)
        offered = {**self.server.composer(), "attachments": self.policy.public()}
        return JSONResponse(offered, headers=NOT_STORED, background=self._prepared())

    async def overview(self, request: Request) -> Response:
        context = await self._context(request)
        return JSONResponse(await self.server.overview(context), headers=NOT_STORED)

    async def attachment_policy(self, _: Request) -> Response:
        return JSONResponse(self.policy.public())

    async def upload(self, request: Request) -> Response:
        context = await self._context(request)
        async with one_file(request) as file:
            attachment = await self.server.upload(
                file.filename or "", file.content_type or "", await file.read(), context
            )
        body = attachment.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
        return Response(body, media_type="application/json", headers=NOT_STORED)

    async def session(self, request: Request) -> Response:
        context = await self._context(request)
        if self.hosted is None:
            raise NotFoundRequestError("this deployment answers itself: POST /chatkit (hosted mode needs WORKFLOW_ID)")
        await self.server.count_session(context)
        return JSONResponse(await self.hosted.session(context), headers=NOT_STORED)

    def _prepared(self) -> BackgroundTask:
        """Return what is done behind an answer: a turn will follow, and Lambda lets a process run only in a request."""
        return BackgroundTask(self.server.prepare)

    async def _context(self, request: Request) -> RequestContext:
        return await context_of(request, self.verifier)
