"""A local replacement for Cognito's hosted pages: the sign-in form and the OpenID endpoints of the local user pool.

    async with SignInServer(aws, demo_user=("demo@example.com", "…")) as page:
        page.authority                               # for oidc-client-ts: base address of discovery and keys
        page.url                                     # the sign-in domain: /oauth2/authorize, /oauth2/token, /logout

MiniStack checks passwords, codes, PKCE and redirect addresses and issues the tokens; this server forwards to it. It
adds a readable form, revocation, and a separate origin as Cognito has, so that the frontend's CORS and content security
policy are exercised locally too. The form is filled in with `demo_user`. Tokens keep AWS's issuer.
https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import h11
import httpx
from botocore.exceptions import ClientError

from tools.client.sign_in import UserPool, pool_client
from tools.local.function.payload import HttpResponse
from tools.local.http_server import HttpConnection, HttpServer

PAGE = Template((Path(__file__).parent / "page.html").read_text())
MAX_FORM_BYTES = 64 * 1024
FORWARDED = frozenset({"/oauth2/token", "/oauth2/userInfo", "/logout"})  # the first for preflights
HIDDEN_FIELDS = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
)  # fmt: skip
ANY_ORIGIN = ("access-control-allow-origin", "*")

Fields = Mapping[str, str]


class PoolOfClient(UserPool, Protocol):
    """A user pool and the frontend's client; a LocalStack is one."""

    @property
    def client_id(self) -> str: ...


class SignInServer(HttpServer):
    """The server of the sign-in page and the OpenID endpoints."""

    def __init__(self, pool: PoolOfClient, demo_user: tuple[str, str] | None = None, port: int = 0) -> None:
        super().__init__(self._route, port)
        self._pool = pool
        self._demo_user = demo_user
        self._cognito = httpx.AsyncClient(base_url=pool.endpoint, timeout=30)

    @property
    def url(self) -> str:
        """The page's origin without a trailing slash."""
        return f"http://localhost:{self.address.rpartition(':')[2]}"

    @property
    def authority(self) -> str:
        """The OpenID provider's address, in the same form as AWS's."""
        return f"{self.url}/{self._pool.user_pool_id}"

    async def stop(self) -> None:
        await super().stop()
        await self._cognito.aclose()

    async def _route(self, connection: HttpConnection, request: h11.Request) -> None:
        target = request.target.decode("latin-1")
        body = await connection.body(MAX_FORM_BYTES)
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        match request.method, target.partition("?")[0]:
            case _ if body is None:
                answer = HttpResponse(413)
            case b"GET", "/oauth2/authorize":
                answer = await self._form(target)
            case b"POST", "/login":
                answer = await self._sign_in(dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True)))
            case b"POST", "/oauth2/token":
                answer = without_renewed_id_token(await self._ask("POST", target, body, headers))
            case b"POST", "/oauth2/revoke":
                answer = await self._revoke(dict(parse_qsl(body.decode("latin-1"))))
            case b"GET", path if path == f"/{self._pool.user_pool_id}/.well-known/openid-configuration":
                answer = await self._discovery(target)
            case method, path if path in FORWARDED or path == f"/{self._pool.user_pool_id}/.well-known/jwks.json":
                answer = await self._ask(method.decode(), target, body, headers)
            case _:
                answer = _page(404, "Not found", "<p>This is the sign-in page of the local stack.</p>")
        await connection.respond(answer.status, answer.headers, answer.body)

    async def _form(self, target: str) -> HttpResponse:
        """Return the form if the pool accepts the request."""
        answer = await self._ask("GET", target)
        if answer.status == 400:
            reason = html.escape(str(json.loads(answer.body).get("error_description", "")))
            return _page(400, "Sign-in failed", f'<p class="wrong" role="alert">{reason}</p>')
        if answer.status != 200:
            return answer  # back to the app, with the error
        username, password = self._demo_user or ("", "")
        return _form(dict(parse_qsl(urlsplit(target).query)), username, password)

    async def _sign_in(self, fields: Fields) -> HttpResponse:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self._ask("POST", "/login", str(httpx.QueryParams(dict(fields))).encode(), headers)
        if answer.status != 200:
            return answer  # back to the app, with a code
        return _form(fields, fields.get("username", ""), "", "Incorrect email address or password.")

    async def _discovery(self, target: str) -> HttpResponse:
        answer = await self._ask("GET", target)
        document = {**json.loads(answer.body), "revocation_endpoint": f"{self.url}/oauth2/revoke"}
        return HttpResponse(200, [("content-type", "application/json"), ANY_ORIGIN], json.dumps(document).encode())

    async def _revoke(self, fields: Fields) -> HttpResponse:
        """Revoke a refresh token and all tokens issued with it (RFC 7009)."""
        headers = [("content-type", "application/json"), ANY_ORIGIN]
        try:
            await asyncio.to_thread(self._revoke_token, fields.get("token", ""), fields.get("client_id", ""))
        except ClientError:
            return HttpResponse(400, headers, b'{"error":"invalid_request"}')
        return HttpResponse(200, headers)

    def _revoke_token(self, token: str, client_id: str) -> None:
        with closing(pool_client(self._pool)) as cognito:
            cognito.revoke_token(Token=token, ClientId=client_id)

    async def _ask(self, method: str, target: str, body: bytes = b"", headers: Fields | None = None) -> HttpResponse:
        """Return the pool's response. The `host` header makes the pool name its endpoints after this server."""
        sent = {name: value for name, value in (headers or {}).items() if name in ("content-type", "authorization")}
        sent["host"] = urlsplit(self.url).netloc
        answer = await self._cognito.request(method, target, content=body, headers=sent)
        kept = ("content-type", "location", "cache-control", "access-control-")
        fields = [(name, value) for name, value in answer.headers.items() if name.startswith(kept)]
        return HttpResponse(answer.status_code, fields, answer.content)


def without_renewed_id_token(answer: HttpResponse) -> HttpResponse:
    """Remove the ID token from the response to a token renewal; return other responses unchanged.

    MiniStack sets `auth_time` to the time of the renewal. Cognito keeps the time of the sign-in, and clients must
    reject a token with another time. A response without an ID token is valid (OpenID Connect Core, 12.2).
    """
    if answer.status != 200:
        return answer
    tokens = json.loads(answer.body)
    if "refresh_token" in tokens:  # a sign-in
        return answer
    tokens.pop("id_token", None)
    return HttpResponse(answer.status, answer.headers, json.dumps(tokens).encode())


def _form(fields: Fields, username: str, password: str, wrong: str = "") -> HttpResponse:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(fields[name])}">'
        for name in HIDDEN_FIELDS
        if name in fields
    )
    alert = f'<p class="wrong" role="alert" id="wrong">{html.escape(wrong)}</p>' if wrong else ""
    described = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    app = urlsplit(fields.get("redirect_uri", ""))
    return _page(
        200,
        "Sign in",
        f"""<p>to continue to Spendo, your money coach</p>{alert}
      <form method="post" action="/login">{hidden}
        <label for="username">Email address</label>
        <input id="username" name="username" type="email" autocomplete="username" required
          value="{html.escape(username)}"{described}>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required
          value="{html.escape(password)}"{described}>
        <button type="submit">Sign in</button>
      </form>""",
        f"{app.scheme}://{app.netloc}",
    )


def _page(status: int, heading: str, content: str, form_goes_to: str = "") -> HttpResponse:
    """Return a page. Its policy must allow `form_goes_to`, the app's origin, because the form redirects there."""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {form_goes_to}; frame-ancestors 'none'"
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy),
        ("referrer-policy", "same-origin"),  # with no-referrer, the form would be sent with "Origin: null"
    ]
    return HttpResponse(status, headers, PAGE.substitute(heading=heading, content=content).encode())
