"""A FastAPI application of another project: lifespan, JSON, and streams from asynchronous and plain generators."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from lambda_streaming import StreamingMangum


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.starts = getattr(app.state, "starts", 0) + 1
    yield
    print("lifespan stopped", flush=True)


app = FastAPI(lifespan=lifespan)


@app.get("/")
def hello(name: str = "you") -> dict[str, str | int]:
    return {"hello": name, "starts": app.state.starts}


@app.get("/async")
async def stream(gates: Path):
    async def numbers():
        for number in range(3):
            yield f"{number}"
            while not (gates / str(number)).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    return StreamingResponse(numbers(), media_type="text/plain")


@app.get("/sync")
def stream_plain(gates: Path):
    def numbers():
        for number in range(3):
            yield f"{number}"
            while not (gates / str(number)).exists():
                time.sleep(0.005)

    return StreamingResponse(numbers(), media_type="text/plain")


handler = StreamingMangum(app)
