"""HTTP routes. The app does not depend on Lambda; `error_responses` maps exceptions to statuses.

app = create_app(server, verifier)

GET  /chatkit                       {"status": "ok"}
POST /chatkit                       one request of the ChatKit protocol; returns JSON or an event stream
POST /chatkit/turns/{turn}/cancel   stop a running turn; 202, also after its end
GET  /chatkit/turns/{turn}/events   a turn's events so far, for another reader; `?after=7` continues with event 7
POST /chatkit/turns/{turn}/tools/{call}  run a client tool call: 200 for the first reader, 409 for all others
GET  /chatkit/entities?q=           entities that can be mentioned
GET  /chatkit/composer              options of the composer: models, tools, dictation, mentions, attachments
GET  /chatkit/search?q=&after=      words in the user's own titles and messages; `after` continues a search
GET  /chatkit/allowances            the calls of tools that the user always allows
POST /chatkit/allowances/{id}/revoke  end one of them
GET  /chatkit/overview              the assistant's data about the user, shown next to the chat
POST /chatkit/overview              the user's change of these data
POST /chatkit/reports               an error of the page, for the operator's log
GET  /chatkit/attachments           accepted file types and sizes
POST /chatkit/attachments           upload one file
GET  /chatkit/attachments/{id}      a URL, valid for minutes, that opens a file of the user's own messages
POST /chatkit/sign-out              sign out on all devices: every token of an earlier sign-in is refused
POST /chatkit/session               hosted mode: a client secret
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from chat_api.bounds import check_value
from chat_api.dependencies import User, body_of, checked_turn_id, cursor_of, number_of, object_of, one_file, query_of
from chat_api.error_responses import HANDLED, error_response
from chat_api.errors import NotFoundRequestError
from chat_api.hosted import ENDED, HostedMode
from chat_api.identity import TokenVerifier
from chat_api.server import AssistantServer, StreamingResult
from chat_api.telemetry import RequestLog, log_report

CHATKIT_HEADERS = ("chatkit-frame-instance-id", "chatkit-session-id", "chatkit-user-id")
OUR_HEADERS = ("authorization", "content-type", "x-amz-content-sha256", "x-auth-token", "x-turn-id")
TURN_HEADERS = ("x-turn-id", "x-turns-running", "x-turn-interrupted")
NO_STORE = {"cache-control": "no-store"}

logger = logging.getLogger("chat_api.app")

Hook = Callable[[], Awaitable[None]]


class TurnResponse(StreamingResponse):
    """The response of a turn, which returns when the turn has ended: Lambda freezes the process after it.

    A reader that leaves stops nothing, so the response does not listen for a disconnect. Only the server's own
    cancellation of the request, at its deadline or at the end of the process, stops the turn.
    """

    def __init__(self, result: StreamingResult, headers: Mapping[str, str]) -> None:
        super().__init__(result.json_events, media_type="text/event-stream", headers=headers)
        self._result = result

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._result.json_events):
                await self.stream_response(send)
        except OSError:
            self._result.turn.leave()
            logger.info("the reader has left before the end of its turn")
        except asyncio.CancelledError:
            self._result.turn.abandon()
            raise
        finally:
            await self._result.turn.ended()


def create_app(
    server: AssistantServer,
    verifier: TokenVerifier,
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

    # A redirect of a trailing slash would name the Function URL, which is not the browser's origin.
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.verifier, app.state.server = verifier, server
    add_routes(app, server, hosted)
    for error in HANDLED:
        app.add_exception_handler(error, error_response)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=[*OUR_HEADERS, *CHATKIT_HEADERS],
            expose_headers=["retry-after", "x-request-id", *TURN_HEADERS],
            max_age=7200,
        )
    app.add_middleware(RequestLog)
    return app


def add_routes(app: FastAPI, server: AssistantServer, hosted: HostedMode | None) -> None:
    """Declare the routes. They read path and query from the request, because declared parameters would make FastAPI
    import `pydantic.v1`, a tenth of a cold start; `Depends` and `Request` do not.
    """

    @app.api_route("/chatkit", methods=["GET", "HEAD"])
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.post("/chatkit")
    async def chatkit(request: Request, context: User) -> Response:
        result = await server.process(await body_of(request), context)
        headers = {"x-turn-id": context.turn_id, **NO_STORE}
        if isinstance(result, StreamingResult):
            return TurnResponse(result, headers)
        headers |= result.headers
        return Response(result.json, media_type="application/json", headers=headers, background=load_later())

    @app.post("/chatkit/turns/{turn_id}/cancel")
    async def cancel(request: Request, context: User) -> Response:
        turn_id: str = request.path_params["turn_id"]
        await server.cancel(checked_turn_id(turn_id), context)
        return JSONResponse({"turn_id": turn_id}, status_code=202, headers=NO_STORE)

    @app.get("/chatkit/turns/{turn_id}/events")
    async def turn_events(request: Request, context: User) -> Response:
        turn_id, after = checked_turn_id(request.path_params["turn_id"]), number_of(request)
        body = await server.readers.read(turn_id, after, context)
        return Response(body, media_type="text/event-stream", headers={"x-turn-id": turn_id, **NO_STORE})

    @app.post("/chatkit/turns/{turn_id}/tools/{call_id}")
    async def win_tool(request: Request, context: User) -> Response:
        turn_id, call_id = (request.path_params[name] for name in ("turn_id", "call_id"))
        await server.readers.win(checked_turn_id(turn_id), check_value("path call_id", call_id), context)
        return JSONResponse({"turn_id": turn_id, "call_id": call_id}, headers=NO_STORE)

    @app.get("/chatkit/entities")
    async def entities(request: Request, context: User) -> Response:
        return JSONResponse(await server.entities(query_of(request), context), headers=NO_STORE)

    @app.get("/chatkit/search")
    async def search(request: Request, context: User) -> Response:
        return JSONResponse(await server.search(query_of(request), cursor_of(request), context), headers=NO_STORE)

    @app.get("/chatkit/allowances")
    async def allowances(context: User) -> Response:
        return JSONResponse(await server.allowances(context), headers=NO_STORE)

    @app.post("/chatkit/allowances/{allowance_id}/revoke")
    async def revoke(request: Request, context: User) -> Response:
        allowance_id = check_value("path allowance_id", request.path_params["allowance_id"])
        await server.revoke(allowance_id, context)
        return JSONResponse({"id": allowance_id}, headers=NO_STORE)

    @app.get("/chatkit/composer")
    async def composer(context: User) -> Response:
        return JSONResponse(server.composer(context), headers=NO_STORE, background=load_later())

    @app.get("/chatkit/overview")
    async def overview(context: User) -> Response:
        return JSONResponse(await server.overview(context), headers=NO_STORE)

    @app.post("/chatkit/overview")
    async def change_overview(request: Request, context: User) -> Response:
        return JSONResponse(await server.change_overview(await object_of(request), context), headers=NO_STORE)

    @app.post("/chatkit/reports")
    async def report(request: Request, context: User) -> Response:
        log_report(await object_of(request))
        return JSONResponse({}, status_code=202, headers=NO_STORE)

    @app.get("/chatkit/attachments")
    async def attachment_policy() -> Response:
        return JSONResponse(server.attachment_policy())

    @app.post("/chatkit/attachments")
    async def upload(request: Request, context: User) -> Response:
        async with one_file(request) as file:
            attachment = await server.upload(file.filename or "", file.content_type or "", await file.read(), context)
        body = attachment.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
        return Response(body, media_type="application/json", headers=NO_STORE)

    @app.get("/chatkit/attachments/{attachment_id}")
    async def open_file(request: Request, context: User) -> Response:
        url = await server.file_url(check_value("path attachment_id", request.path_params["attachment_id"]), context)
        return JSONResponse({"url": url}, headers=NO_STORE)

    @app.post("/chatkit/sign-out")
    async def sign_out(context: User) -> Response:
        await server.sign_out(context)
        return JSONResponse({}, status_code=202, headers=NO_STORE)

    @app.post("/chatkit/session")
    async def session(context: User) -> Response:
        if hosted is None:
            raise NotFoundRequestError(f"hosted mode is off (WORKFLOW_ID is not set). {ENDED}")
        return JSONResponse(await hosted.session(context), headers=NO_STORE)

    def load_later() -> BackgroundTask:
        """Return a task that loads the model dependencies after this response.

        A turn usually follows, and Lambda freezes the process between requests.
        """
        return BackgroundTask(server.load_in_background)
