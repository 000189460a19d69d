"""A local CloudFront: one origin for the site (/) and the API (/chatkit*), with the template's response headers.

    async with Edge(SiteFiles(dist, config), api="http://127.0.0.1:8787", headers=security_headers(…)) as edge:
        edge.url                                     # http://localhost:5173

It reproduces the properties of the real one that affect a frontend:

- the Function URL accepts signed bodies only: a POST or PUT without the right `x-amz-content-sha256` gets 403;
- the signature replaces the viewer's `Authorization`;
- responses of the API stream through, uncompressed and uncached, at the viewer's speed; the viewer's disconnect does
  not reach the function;
- an origin that sends nothing for the template's OriginReadTimeout causes a 504, or a cut body if it has started;
- views of the app return index.html, missing files S3's 403, and every response has the headers of SecurityHeaders.

It serves plain HTTP/1.1 on the loopback interface and does not sign or compress. The text of its own error bodies is a
guess. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import h11
import httpx

from tools.local.function.payload import HttpResponse
from tools.local.function.url import MAX_EVENT_BYTES, TOO_LARGE
from tools.local.http_server import HttpConnection, HttpServer
from tools.local.site.files import SiteFiles
from tools.stack.template import Template

API_PREFIX = "/chatkit"  # the template's PathPattern /chatkit*
HASHED = frozenset({"POST", "PUT", "PATCH"})
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
SIGNATURE = "AWS4-HMAC-SHA256 Credential=local/edge, SignedHeaders=host, Signature=none"

_JSON = [("content-type", "application/json"), ("x-amzn-errortype", "InvalidSignatureException")]
_HTML = [("content-type", "text/html"), ("x-cache", "Error from cloudfront")]
NOT_SIGNED = HttpResponse(
    403,
    _JSON,
    b'{"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret '
    b'Access Key and signing method. Consult the service documentation for details."}',
)
NOT_ALLOWED = HttpResponse(403, _HTML, b"<h1>403</h1><p>This distribution does not allow the method.</p>")
UNREACHABLE = HttpResponse(502, _HTML, b"<h1>502</h1><p>CloudFront could not connect to the origin.</p>")
TIMED_OUT = HttpResponse(504, _HTML, b"<h1>504</h1><p>The origin did not answer in time.</p>")

Fields = list[tuple[str, str]]


class Edge(HttpServer):
    """The server of a site and its API under one origin."""

    def __init__(
        self,
        site: SiteFiles,
        api: str,
        headers: Sequence[tuple[str, str]],
        port: int = 0,
        read_timeout_seconds: float = 60,
    ) -> None:
        super().__init__(self._route, port)
        self._site = site
        self._headers = list(headers)
        timeout = httpx.Timeout(None, read=read_timeout_seconds)
        self._origin = httpx.AsyncClient(base_url=api, timeout=timeout, limits=httpx.Limits(max_connections=None))
        self._origin.headers.clear()  # httpx's defaults must not reach the function

    @property
    def url(self) -> str:
        """The address without a trailing slash. Over HTTP, browsers offer `crypto.subtle` on localhost only."""
        return f"http://localhost:{self.address.rpartition(':')[2]}"

    async def stop(self) -> None:
        await super().stop()
        await self._origin.aclose()

    async def _route(self, connection: HttpConnection, request: h11.Request) -> None:
        path = request.target.decode("latin-1").partition("?")[0]
        if path.startswith(API_PREFIX):
            await self._forward(connection, request)
            return
        await connection.body(0)
        if request.method not in (b"GET", b"HEAD"):
            await self._respond(connection, NOT_ALLOWED)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        await self._respond(connection, self._site.answer(path, headers))

    async def _forward(self, connection: HttpConnection, request: h11.Request) -> None:
        body = await connection.body(MAX_EVENT_BYTES)
        if body is None:
            await self._respond(connection, TOO_LARGE)
            return
        method, target = request.method.decode(), request.target.decode("latin-1")
        viewer = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
        if method in HASHED and dict(viewer).get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            await self._respond(connection, NOT_SIGNED)
            return
        started = False
        try:
            sent = self._origin.build_request(method, target, headers=signed(viewer), content=body)
            answer = await self._origin.send(sent, stream=True)
            try:
                started = True
                await self._relay(connection, answer)
            finally:
                await answer.aclose()
        except httpx.TransportError as error:
            if started:
                connection.abort()
            else:
                await self._respond(connection, TIMED_OUT if isinstance(error, httpx.TimeoutException) else UNREACHABLE)

    async def _relay(self, connection: HttpConnection, answer: httpx.Response) -> None:
        fields = [(name.decode(), value.decode("latin-1")) for name, value in answer.headers.raw]
        await connection.send(self._head(answer.status_code, fields))
        async for chunk in answer.aiter_raw():
            if chunk and not connection.bodiless(answer.status_code):
                await connection.send(h11.Data(data=chunk))
        await connection.send(h11.EndOfMessage())

    def _head(self, status: int, fields: Fields) -> h11.Response:
        ours = {name for name, _ in self._headers}  # the policy's headers override the origin's
        kept = [(name, value) for name, value in fields if name.lower() not in HOP_BY_HOP | ours]
        headers = [*kept, *self._headers, ("x-amz-cf-id", uuid.uuid4().hex)]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return h11.Response(status_code=status, headers=encoded)

    async def _respond(self, connection: HttpConnection, response: HttpResponse) -> None:
        length = [] if response.status == 304 else [("content-length", str(len(response.body)))]
        head = self._head(response.status, [*response.headers, *length])
        events: list[h11.Event] = [head, h11.EndOfMessage()]
        if response.body and not connection.bodiless(response.status):
            events.insert(1, h11.Data(data=response.body))
        await connection.send(*events)


def signed(viewer: Fields) -> Fields:
    """Return the headers for the origin: the viewer's without `host` and `authorization`, and the signature."""
    dropped = HOP_BY_HOP | {"host", "authorization", "content-length"}
    kept = [(name, value) for name, value in viewer if name.lower() not in dropped]
    return [*kept, ("authorization", SIGNATURE), ("via", "1.1 edge.local (local stack)")]


def read_timeout_seconds(template: Template) -> float:
    """Return the template's limit for the API's first byte and for each silence within its response."""
    config: Mapping[str, Any] = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    (api,) = (each for each in config["Origins"] if each["Id"] == "api")
    return float(api["CustomOriginConfig"]["OriginReadTimeout"])
