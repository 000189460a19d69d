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

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse

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


async def current_user(request: Request) -> RequestContext:
    return await context_of(request, request.app.state.verifier)


User = Annotated[RequestContext, Depends(current_user)]


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
    app.state.verifier = verifier
    add_routes(app, server, policy, hosted)
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


def add_routes(app: FastAPI, server: AssistantServer, policy: Policy, hosted: HostedMode | None) -> None:
    """Declare the routes. Path and query are read from the request: declared as parameters they would make FastAPI
    import `pydantic.v1`, a tenth of a cold start; `Depends` and `Request` do not.
    """

    @app.api_route("/chatkit", methods=["GET", "HEAD"])
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.post("/chatkit")
    async def chatkit(request: Request, context: User) -> Response:
        result = await server.process(await body_of(request), context)
        headers = {"x-turn-id": context.turn_id, **NOT_STORED}
        if isinstance(result, StreamingResult):
            return StreamingResponse(result.json_events, media_type="text/event-stream", headers=headers)
        return Response(result.json, media_type="application/json", headers=headers, background=prepared())

    @app.post("/chatkit/turns/{turn_id}/cancel")
    async def cancel(request: Request, context: User) -> Response:
        turn_id: str = request.path_params["turn_id"]
        await server.cancel(checked_turn_id(turn_id), context)
        return JSONResponse({"turn_id": turn_id}, status_code=202, headers=NOT_STORED)

    @app.get("/chatkit/entities")
    async def entities(request: Request, context: User) -> Response:
        query = request.query_params.get("q", "")[:MAX_QUERY_CHARS]
        return JSONResponse(await server.entities(query, context), headers=NOT_STORED)

    @app.get("/chatkit/composer")
    async def composer(context: User) -> Response:
        offered = {**server.composer(), "attachments": policy.public()}
        return JSONResponse(offered, headers=NOT_STORED, background=prepared())

    @app.get("/chatkit/overview")
    async def overview(context: User) -> Response:
        return JSONResponse(await server.overview(context), headers=NOT_STORED)

    @app.get("/chatkit/attachments")
    async def attachment_policy() -> Response:
        return JSONResponse(policy.public())

    @app.post("/chatkit/attachments")
    async def upload(request: Request, context: User) -> Response:
        async with one_file(request) as file:
            attachment = await server.upload(file.filename or "", file.content_type or "", await file.read(), context)
        body = attachment.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
        return Response(body, media_type="application/json", headers=NOT_STORED)

    @app.post("/chatkit/session")
    async def session(context: User) -> Response:
        if hosted is None:
            raise NotFoundRequestError("this deployment answers itself: POST /chatkit (hosted mode needs WORKFLOW_ID)")
        await server.count_session(context)
        return JSONResponse(await hosted.session(context), headers=NOT_STORED)

    def prepared() -> BackgroundTask:
        """Return what is done behind an answer: a turn will follow, and Lambda lets a process run only in a request."""
        return BackgroundTask(server.prepare)
