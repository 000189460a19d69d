"""The local edge over real sockets, with an origin that the test provides."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import h11
import httpx
import pytest

from tools.local.http_server import HttpConnection, HttpServer
from tools.local.site.edge import SIGNATURE, Edge
from tools.local.site.files import SiteFiles

POLICY = [("content-security-policy", "default-src 'self'"), ("x-frame-options", "DENY")]
LIMIT_SECONDS = 20
Answer = Callable[[HttpConnection, h11.Request], Awaitable[None]]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>Spendo</title>")
    (tmp_path / "dist" / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("outside the site")
    return tmp_path / "dist"


@asynccontextmanager
async def edge_before(dist: Path, answer: Answer, read_timeout: float = 60) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser's client of an edge whose API origin is `answer`."""
    origin = HttpServer(answer)
    await origin.start()
    try:
        site = SiteFiles(dist, {"apiUrl": "/chatkit"})
        async with (
            Edge(site, f"http://{origin.address}", POLICY, read_timeout_seconds=read_timeout) as edge,
            httpx.AsyncClient(base_url=edge.url, timeout=LIMIT_SECONDS) as viewer,
        ):
            yield viewer
    finally:
        await origin.stop()


async def unreachable(connection: HttpConnection, request: h11.Request) -> None:
    raise AssertionError("the request reached the origin")


def hashed(body: bytes) -> dict[str, str]:
    return {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}


class TestSite:
    @pytest.fixture
    async def viewer(self, dist: Path) -> AsyncIterator[httpx.AsyncClient]:
        async with edge_before(dist, unreachable) as viewer:
            yield viewer

    @pytest.mark.parametrize("path", ["/", "/index.html", "/threads/thr_1", "/?code=c&state=s"])
    async def test_views_are_the_page_and_asked_for_again(self, viewer: httpx.AsyncClient, path: str) -> None:
        answer = await viewer.get(path)

        assert (answer.status_code, answer.text) == (200, "<title>Spendo</title>")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-security-policy"] == "default-src 'self'"

    async def test_hashed_files_are_kept(self, viewer: httpx.AsyncClient) -> None:
        answer = await viewer.get("/assets/app-1a2b.js")

        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith("text/javascript")

    @pytest.mark.parametrize("path", ["/assets/gone.js", "/favicon.ico", "/..%2fsecret.txt", "/%2e%2e/secret.txt"])
    async def test_what_is_not_there_is_denied_as_by_s3(self, viewer: httpx.AsyncClient, path: str) -> None:
        answer = await viewer.get(path)

        assert answer.status_code == 403
        assert "AccessDenied" in answer.text
        assert answer.headers["x-frame-options"] == "DENY"

    async def test_head_has_the_length_and_no_body(self, viewer: httpx.AsyncClient) -> None:
        answer = await viewer.head("/")

        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "21"

    async def test_an_unchanged_page_is_not_sent_again(self, viewer: httpx.AsyncClient) -> None:
        tag = (await viewer.get("/")).headers["etag"]

        answer = await viewer.get("/", headers={"if-none-match": tag})

        assert (answer.status_code, answer.content) == (304, b"")

    async def test_the_configuration_is_the_stacks(self, viewer: httpx.AsyncClient) -> None:
        answer = await viewer.get("/config.json")

        assert answer.json() == {"apiUrl": "/chatkit"}
        assert answer.headers["cache-control"] == "no-cache"

    async def test_nothing_is_posted_to_the_site(self, viewer: httpx.AsyncClient) -> None:
        assert (await viewer.post("/", content=b"x")).status_code == 403


class TestApi:
    @pytest.mark.parametrize(
        "headers", [{}, hashed(b"another"), {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}], ids=["none", "wrong", "word"]
    )
    async def test_a_body_without_its_hash_never_reaches_the_function(
        self, dist: Path, headers: dict[str, str]
    ) -> None:
        async with edge_before(dist, unreachable) as viewer:
            answer = await viewer.post("/chatkit", content=b"{}", headers=headers)

        assert answer.status_code == 403
        assert "signature" in answer.json()["message"]

    async def test_the_signature_replaces_what_the_viewer_authorized(self, dist: Path) -> None:
        seen: list[dict[str, str]] = []

        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            body = await connection.body(1024) or b""
            seen.append({**{name.decode(): value.decode() for name, value in request.headers}, "body": body.decode()})
            await connection.respond(200, [("x-frame-options", "SAMEORIGIN"), ("x-turn-id", "turn_1")], b"ok")

        async with edge_before(dist, origin) as viewer:
            headers = {"authorization": "Bearer mine", "x-auth-token": "mine", **hashed(b"{}")}
            answer = await viewer.post("/chatkit/x?y=1", content=b"{}", headers=headers)

        (received,) = seen
        assert received["authorization"] == SIGNATURE
        assert received["x-auth-token"] == "mine"
        assert received["body"] == "{}"
        assert received["content-length"] == "2"
        assert answer.headers["x-turn-id"] == "turn_1"
        assert answer.headers.get_list("x-frame-options") == ["DENY"]

    @pytest.mark.promise("L1")
    async def test_each_chunk_passes_when_it_comes(self, dist: Path) -> None:
        heard = asyncio.Event()

        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            await connection.body(0)
            await connection.send(h11.Response(status_code=200, headers=[]), h11.Data(data=b"first"))
            await heard.wait()
            await connection.send(h11.Data(data=b"second"), h11.EndOfMessage())

        async with edge_before(dist, origin) as viewer, viewer.stream("GET", "/chatkit") as answer:
            chunks = answer.aiter_raw()
            first = await anext(chunks)
            heard.set()
            rest = [chunk async for chunk in chunks]

        assert (first, rest) == (b"first", [b"second"])

    @pytest.mark.promise("L2")
    async def test_a_slow_reader_slows_the_origin(self, dist: Path) -> None:
        sent, stuck = 0, asyncio.Event()

        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            nonlocal sent
            await connection.body(0)
            await connection.send(h11.Response(status_code=200, headers=[]))
            for _ in range(4000):
                sending = asyncio.ensure_future(connection.send(h11.Data(data=bytes(64 * 1024))))
                done, _waiting = await asyncio.wait({sending}, timeout=1)
                if not done:
                    stuck.set()  # the client does not read, and no buffer in between absorbs the data
                await sending
                sent += 1
            await connection.send(h11.EndOfMessage())

        async with edge_before(dist, origin) as viewer, viewer.stream("GET", "/chatkit"):
            await asyncio.wait_for(stuck.wait(), LIMIT_SECONDS)

        assert sent < 1000  # of 4000 chunks of 64 KB

    async def test_a_broken_answer_is_cut(self, dist: Path) -> None:
        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            await connection.body(0)
            await connection.send(h11.Response(status_code=200, headers=[]), h11.Data(data=b"half"))
            connection.abort()

        async with edge_before(dist, origin) as viewer:
            with pytest.raises(httpx.TransportError):
                await viewer.get("/chatkit")

    async def test_an_origin_that_hangs_up_is_a_502(self, dist: Path) -> None:
        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            connection.abort()

        async with edge_before(dist, origin) as viewer:
            assert (await viewer.get("/chatkit")).status_code == 502

    async def test_a_silent_origin_is_a_504(self, dist: Path) -> None:
        async def origin(connection: HttpConnection, request: h11.Request) -> None:
            await asyncio.Event().wait()

        async with edge_before(dist, origin, read_timeout=0.2) as viewer:
            assert (await viewer.get("/chatkit")).status_code == 504
