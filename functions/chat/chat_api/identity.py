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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt import PyJWKClient
from jwt.exceptions import InvalidTokenError, PyJWKClientConnectionError, PyJWKClientError

MAX_TOKEN_BYTES = 8192
JWKS_TIMEOUT_SECONDS = 3
KEYS_SECONDS = 3600
REFRESH_SECONDS = 30
CLOCK_LEEWAY_SECONDS = 5


class IdentityError(Exception):
    """The token is missing or invalid. The message is for the client and states the reason."""


class MissingGroupError(Exception):
    """The user is authenticated but not a member of the required group."""


class VerifierUnavailableError(Exception):
    """The user pool's keys cannot be fetched, so no token can be verified and every request is rejected."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified user: Cognito's `sub`, `username` and `cognito:groups`."""

    user_id: str
    username: str
    groups: frozenset[str]


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the access token in ASGI `headers`.

    Raises IdentityError if there is none, or if there are two different ones.
    """
    tokens = {token for name, value in headers if (token := _token_in(name.lower(), value.decode("latin-1")))}
    if not tokens:
        raise IdentityError("sign in first: no access token in x-auth-token or Authorization")
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


class TokenVerifier:
    """Verifies access tokens of one user pool and one client; caches the pool's keys for an hour.

    An unknown key id refreshes the keys at most every `refresh_seconds`, so forged ids cannot flood the pool with
    requests. If the pool's keys cannot be fetched, cached keys remain valid.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        jwks_url: str,
        required_group: str | None = None,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._required_group = required_group
        self._keys = PyJWKClient(
            jwks_url, lifespan=KEYS_SECONDS, timeout=JWKS_TIMEOUT_SECONDS, cooldown_duration=refresh_seconds
        )

    async def fetch_keys(self) -> None:
        """Fetch the pool's keys before the first request. Raises VerifierUnavailableError."""
        try:
            await asyncio.to_thread(self._keys.get_signing_keys)
        except PyJWKClientError as error:
            raise VerifierUnavailableError("the user pool's keys cannot be fetched") from error

    def forget_keys(self) -> None:
        """Discard the cached keys."""
        if self._keys.jwk_set_cache is not None:
            self._keys.jwk_set_cache.put(None)

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
        try:
            return await asyncio.to_thread(self._keys.get_signing_key, key_id)
        except PyJWKClientConnectionError as error:
            raise VerifierUnavailableError("the user pool's keys cannot be fetched") from error
        except PyJWKClientError as error:
            raise IdentityError("invalid access token: its key does not belong to the user pool") from error

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        if claims["token_use"] != "access":
            raise IdentityError(f"an access token is required, but this is an {claims['token_use']} token")
        if claims["client_id"] != self._client_id:
            raise IdentityError("the access token was issued to a different client")
        groups = frozenset[str](claims.get("cognito:groups", ()))
        if self._required_group is not None and self._required_group not in groups:
            raise MissingGroupError("your account has no access to this chat; ask your administrator for it")
        return Identity(claims["sub"], str(claims.get("username", claims["sub"])), groups)


def check_authorizer(event: Mapping[str, Any], identity: Identity) -> None:
    """Check that API Gateway's Cognito authorizer, if there is one, authenticated the same user as the token.

    Raises IdentityError if `requestContext.authorizer.claims` has a different `sub`.
    """
    authorizer: Mapping[str, Any] = event.get("requestContext", {}).get("authorizer") or {}
    claims: Mapping[str, Any] | None = authorizer.get("claims")
    if claims is not None and claims.get("sub") != identity.user_id:
        raise IdentityError("the authorizer and the token name different users")
