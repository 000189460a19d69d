"""Caller identity from a Cognito access token. Every request is verified here, whatever a gateway has checked before.

    verifier = TokenVerifier(issuer=…, client_id=…, jwks_url=…, required_group=None)
    identity = await verifier.verify(token_of(headers))

The token arrives as `x-auth-token` (CloudFront's origin access control overwrites `Authorization`) or as
`Authorization: Bearer`. Only access tokens are accepted, not ID tokens: an access token has no `aud` and names its
client in `client_id`.
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any

import jwt
from jwt.exceptions import InvalidTokenError

from languages import say
from store_dynamo.access import LONG_AGO

logger = logging.getLogger("chat_api.identity")

MAX_TOKEN_BYTES = 8192
CLOCK_LEEWAY_SECONDS = 5
JWKS_TIMEOUT_SECONDS = 3
MAX_JWKS_BYTES = 1_000_000
RENEW_SECONDS = 2700
"""Age from which the keys are fetched again in the background."""
KEYS_SECONDS = 3600
"""Age from which a request first waits for newer keys, for STALE_WAIT_SECONDS."""
STALE_WAIT_SECONDS = 1
LAST_GOOD_SECONDS = 86_400
"""Age up to which keys are used if no newer ones can be fetched."""
REFRESH_SECONDS = 30
NO_KEYS_PAUSE_SECONDS = 1
"""Pause after a failed fetch in a process without keys, which can verify no token meanwhile."""
"""Pause between two fetches, however many key ids are unknown and whether the first one succeeded or not."""
THREADS = ThreadPoolExecutor(2, "jwks")
"""Never asyncio's default executor, where an assistant's blocking tools would hold up authentication."""


class IdentityError(Exception):
    """The token is missing or invalid. The message is for the client and states the reason."""


class SessionEndedError(IdentityError):
    """The user signed out on all devices, or was erased, after this sign-in; renewing the token does not help.

    `reason` is part of the response, so that the page can tell the user.
    """

    def __init__(self, *, erased: bool) -> None:
        super().__init__(say("your session has ended: sign in again"))
        self.reason = "erased" if erased else "signed_out"


class MissingGroupError(Exception):
    """The user is authenticated but not a member of the required group."""


class VerifierUnavailableError(Exception):
    """The user pool's keys cannot be fetched, so no token can be verified and every request is rejected."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks.

    In a process restored from a snapshot, the clock for durations continues where the snapshot stopped it. The wall
    clock can be set back. So an age is the larger of two differences.
    """

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.time(), time.monotonic())

    def since(self, earlier: Moment) -> float:
        """Return the seconds from `earlier` to this moment."""
        return max(self.wall - earlier.wall, self.monotonic - earlier.monotonic)


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified user: Cognito's `sub`, `username` and `cognito:groups`."""

    user_id: str
    username: str
    groups: frozenset[str]
    signed_in_at: datetime = field(default=LONG_AGO, compare=False)
    """`auth_time`, which Cognito keeps when a refresh token renews the access token."""


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the access token in ASGI `headers`.

    Raises IdentityError if there is none, or if there are two different ones.
    """
    tokens = {token for name, value in headers if (token := _token_in(name.lower(), value.decode("latin-1")))}
    if not tokens:
        raise IdentityError(say("sign in first: no access token in x-auth-token or Authorization"))
    if len(tokens) > 1:
        raise IdentityError("the request has two different access tokens")
    return tokens.pop()


def _token_in(name: bytes, value: str) -> str | None:
    if name == b"x-auth-token":
        scheme, _, token = value.strip().rpartition(" ")
        return token if scheme.lower() in ("", "bearer") else value
    if name == b"authorization":
        scheme, _, token = value.strip().partition(" ")
        # CloudFront's own signature (AWS4-HMAC-SHA256 …) also arrives here; it is not the user's token.
        return token.strip() if scheme.lower() == "bearer" else None
    return None


class PoolKeys:
    """The user pool's public keys. One set per process, fetched in the background of requests.

    | age of the keys | token with a known key id | token with an unknown key id |
    |---|---|---|
    | up to 45 minutes | verified | fetch first, unless one has just been tried |
    | up to an hour | verified; fetch in the background | the same |
    | up to a day | fetch first, for a second at most; verified with the last good keys if that fails | the same |
    | more, or none | fetch first | fetch first |

    A fetch fails if the server does not answer in time, answers with an error, or answers without a usable key. Another
    one starts REFRESH_SECONDS later at the earliest, or NO_KEYS_PAUSE_SECONDS in a process without keys, so neither
    forged key ids nor an outage cause a flood of requests.
    """

    def __init__(self, url: str, refresh_seconds: float, now: Callable[[], Moment]) -> None:
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._now = now
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched: Moment | None = None
        self._tried: Moment | None = None
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> jwt.PyJWK:
        """Return the key with this id.

        Raises IdentityError if it does not belong to the pool, and VerifierUnavailableError if that is unknown.
        """
        age = self._age()
        if age > LAST_GOOD_SECONDS:
            self._keys = {}
        if not self._keys:
            if self._failed and not self._may_fetch(NO_KEYS_PAUSE_SECONDS):
                raise VerifierUnavailableError("the user pool's keys cannot be fetched")
            await self.fetch()
        elif key_id not in self._keys:
            if self._may_fetch():
                await asyncio.wait({self._fetch_once()})
        elif age > RENEW_SECONDS and self._may_fetch():
            fetching = self._fetch_once()
            if age > KEYS_SECONDS:
                await asyncio.wait({fetching}, timeout=self._patience())
        if key := self._keys.get(key_id):
            return key
        if self._failed:
            raise VerifierUnavailableError("the user pool's keys cannot be fetched")
        raise IdentityError("invalid access token: its key does not belong to the user pool")

    async def fetch(self) -> None:
        """Fetch the keys now. Raises VerifierUnavailableError; the last good keys remain."""
        await asyncio.wait({self._fetch_once()})
        if self._failed:
            raise VerifierUnavailableError("the user pool's keys cannot be fetched")

    def _age(self) -> float:
        return self._now().since(self._fetched) if self._fetched else float("inf")

    def _may_fetch(self, pause: float | None = None) -> bool:
        pause = self._refresh_seconds if pause is None else pause
        return self._is_fetching() or self._tried is None or self._now().since(self._tried) >= pause

    def _is_fetching(self) -> bool:
        task = self._fetching
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    def _patience(self) -> float:
        """Return the time for which a request with a known key id still waits for the current fetch."""
        return max(0.0, STALE_WAIT_SECONDS - (self._now().since(self._tried) if self._tried else 0))

    def _fetch_once(self) -> asyncio.Task[None]:
        """Return the task that fetches the keys; all requests share one. It never raises."""
        if not self._is_fetching():
            self._tried, self._failed = self._now(), True
            self._fetching = asyncio.create_task(self._fetch())
        assert self._fetching is not None
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(JWKS_TIMEOUT_SECONDS):
                found = await asyncio.get_running_loop().run_in_executor(THREADS, download_keys, self._url)
        except Exception as error:  # whatever is wrong with the answer, the last good keys remain
            age = f"{self._age():.0f} s old" if self._keys else "missing"
            logger.warning("the user pool's keys cannot be fetched (%s); the last good ones are %s", repr(error), age)
            return
        self._keys, self._fetched, self._failed = found, self._now(), False


def download_keys(url: str) -> dict[str, jwt.PyJWK]:
    """Return the keys that `url` serves and that can sign access tokens. Blocking.

    Raises OSError, ValueError and others if there are none.
    """
    give_up = time.monotonic() + JWKS_TIMEOUT_SECONDS
    with urllib.request.urlopen(url, timeout=JWKS_TIMEOUT_SECONDS) as response:  # noqa: S310  # an HttpUrl
        document = json.loads(_read(response, give_up))
    keys = jwt.PyJWKSet.from_dict(document).keys
    usable = {
        key.key_id: key
        for key in keys
        if key.key_id and key.algorithm_name == "RS256" and key.public_key_use in (None, "sig")
    }
    if not usable:
        raise ValueError("the key set has no RS256 key")
    return usable


def _read(response: HTTPResponse, give_up: float) -> bytes:
    """Read a body. The timeout of a socket applies to each read, so a server that drips needs a limit of its own."""
    body = bytearray()
    while part := response.read1(65_536):
        body += part
        if len(body) > MAX_JWKS_BYTES or time.monotonic() > give_up:
            raise TimeoutError("the key set is too large or too slow")
    return bytes(body)


class TokenVerifier:
    """Verifies access tokens of one user pool and one client, with the pool's keys (see PoolKeys)."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        jwks_url: str,
        required_group: str | None = None,
        refresh_seconds: float = REFRESH_SECONDS,
        now: Callable[[], Moment] = Moment.now,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._required_group = required_group
        self._keys = PoolKeys(jwks_url, refresh_seconds, now)

    async def fetch_keys(self) -> None:
        """Fetch the pool's keys, before the first request and after a restore. Raises VerifierUnavailableError."""
        await self._keys.fetch()

    async def verify(self, token: str) -> Identity:
        """Return the identity that `token` proves.

        Raises IdentityError for anything but a valid access token of this pool and client, MissingGroupError if the
        user is not in the required group, and VerifierUnavailableError if the pool's keys cannot be fetched.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise IdentityError(f"the access token is longer than {MAX_TOKEN_BYTES} bytes")
        key = await self._key_of(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                leeway=CLOCK_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "sub", "token_use", "client_id"], "verify_aud": False},
            )
        except InvalidTokenError as error:
            raise IdentityError(f"invalid access token: {error}") from error
        return self._identity(claims)

    async def _key_of(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except InvalidTokenError as error:
            raise IdentityError("the access token is not a JWT") from error
        key_id = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(key_id, str):
            raise IdentityError("invalid access token: it must be signed with RS256 and have a key id")
        return await self._keys.find(key_id)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        if claims["token_use"] != "access":
            raise IdentityError(f"an access token is required, but this is an {claims['token_use']} token")
        if claims["client_id"] != self._client_id:
            raise IdentityError("the access token was issued to a different client")
        groups = frozenset[str](claims.get("cognito:groups", ()))
        if self._required_group is not None and self._required_group not in groups:
            raise MissingGroupError(say("your account has no access to this chat; ask your administrator for it"))
        signed_in_at = datetime.fromtimestamp(min(claims["iat"], claims.get("auth_time", claims["iat"])), UTC)
        return Identity(claims["sub"], str(claims.get("username", claims["sub"])), groups, signed_in_at)


def check_authorizer(event: Mapping[str, Any], identity: Identity) -> None:
    """Check that API Gateway's Cognito authorizer, if there is one, authenticated the same user as the token.

    Raises IdentityError if `requestContext.authorizer.claims` has a different `sub`.
    """
    authorizer: Mapping[str, Any] = event.get("requestContext", {}).get("authorizer") or {}
    claims: Mapping[str, Any] | None = authorizer.get("claims")
    if claims is not None and claims.get("sub") != identity.user_id:
        raise IdentityError("the authorizer and the token name different users")
