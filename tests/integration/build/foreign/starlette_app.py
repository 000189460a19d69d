"""A Starlette application of another project that sends server-sent events with sse-starlette."""

import asyncio
from pathlib import Path

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from lambda_streaming import StreamingMangum


async def events(request: Request) -> EventSourceResponse:
    gates = Path(request.query_params["gates"])

    async def numbers():
        for number in range(3):
            yield {"event": "number", "data": str(number)}
            while not (gates / str(number)).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    return EventSourceResponse(numbers())


handler = StreamingMangum(Starlette(routes=[Route("/", events)]))
