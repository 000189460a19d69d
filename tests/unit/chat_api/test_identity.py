"""H1: only a Cognito access token of this pool and this client proves who asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat_api.identity import (
    MAX_TOKEN_BYTES,
    Identity,
    IdentityError,
    TokenVerifier,
    VerifierUnavailableError,
    check_authorizer,
    token_of,
)
from tests.fakes.user_pool import UserPool

pytestmark = pytest.mark.promise("H1")


@pytest.fixture
def pool() -> Iterator[UserPool]:
    with UserPool() as pool:
        yield pool


@pytest.fixture
def verifier(pool: UserPool) -> TokenVerifier:
    return TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)


async def refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(IdentityError) as caught:
        await verifier.verify(token)
    return str(caught.value)


async def test_access_token_gives_sub_name_and_groups(pool: UserPool, verifier: TokenVerifier) -> None:
    groups: dict[str, Any] = {"cognito:groups": ["admin"]}
    token = pool.token("ana", **groups)

    assert await verifier.verify(token) == Identity("ana", "ana-name", frozenset({"admin"}))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"iat": int(time.time()) + 3600}, "not yet valid"),
        ({"nbf": int(time.time()) + 3600}, "not yet valid"),
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"}, "issuer"),
        ({"client_id": "client-2"}, "another client"),
        ({"token_use": "id", "aud": "client-1"}, "id token"),
        ({"client_id": None}, "client_id"),
        ({"token_use": None}, "token_use"),
        ({"exp": None}, "exp"),
    ],
)
async def test_wrong_claim_is_refused_and_named(
    pool: UserPool, verifier: TokenVerifier, claims: dict[str, Any], why: str
) -> None:
    assert why in (await refused(verifier, pool.token("ana", **claims))).lower()


async def test_key_of_another_pool_is_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    same_kid = jwt.encode(pool.claims("ana"), foreign, "RS256", {"kid": "key-1"})
    other_kid = jwt.encode(pool.claims("ana"), foreign, "RS256", {"kid": "key-9"})

    assert "signature" in (await refused(verifier, same_kid)).lower()
    assert "not the pool's" in await refused(verifier, other_kid)


async def test_unsigned_and_symmetric_tokens_are_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    public_pem = pool.keys["key-1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = jwt.encode(pool.claims("ana"), "", "none", {"kid": "key-1"})
    hmac_key = public_pem.hex().encode()  # PyJWT will not sign with a PEM; the algorithm alone must be refused
    symmetric = jwt.encode(pool.claims("ana"), hmac_key, "HS256", {"kid": "key-1"})

    assert "RS256" in await refused(verifier, unsigned)
    assert "RS256" in await refused(verifier, symmetric)


async def test_key_address_in_the_token_is_not_followed(pool: UserPool, verifier: TokenVerifier) -> None:
    with UserPool() as attacker:
        token = attacker.token("ana", headers={"jku": attacker.jwks_url, "x5u": attacker.jwks_url})

        await refused(verifier, token)

        assert attacker.fetches == 0


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 100, "." * 50, "A" * (MAX_TOKEN_BYTES + 1)])
async def test_garbage_is_refused(verifier: TokenVerifier, token: str) -> None:
    await refused(verifier, token)


async def test_missing_kid_is_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    token = jwt.encode(pool.claims("ana"), pool.keys["key-1"], "RS256")

    assert "names its key" in await refused(verifier, token)


async def test_unknown_kids_fetch_the_keys_once(pool: UserPool, verifier: TokenVerifier) -> None:
    await verifier.warm()
    for number in range(50):
        await refused(verifier, pool.token("ana", headers={"kid": f"forged-{number}"}))

    assert pool.fetches == 1


async def test_unreachable_keys_let_nobody_in(pool: UserPool) -> None:
    with UserPool() as gone:
        unreachable = TokenVerifier(pool.issuer, pool.client_id, gone.jwks_url)
        token = gone.token("ana")

    with pytest.raises(VerifierUnavailableError):
        await unreachable.verify(token)


def headers(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in pairs]


@pytest.mark.parametrize(
    "given",
    [
        headers(("x-auth-token", "abc")),
        headers(("x-auth-token", "Bearer abc")),
        headers(("authorization", "Bearer abc")),
        headers(("Authorization", "bearer abc"), ("X-Auth-Token", "abc")),
        headers(("authorization", "AWS4-HMAC-SHA256 Credential=x"), ("x-auth-token", "abc")),
    ],
)
def test_token_is_found_in_either_header(given: list[tuple[bytes, bytes]]) -> None:
    assert token_of(given) == "abc"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (headers(), "sign in"),
        (headers(("authorization", "Basic abc")), "sign in"),
        (headers(("authorization", "Bearer abc"), ("x-auth-token", "abd")), "two different"),
        (headers(("x-auth-token", "abc"), ("X-AUTH-TOKEN", "abd")), "two different"),
    ],
)
def test_no_token_and_two_tokens_are_refused(given: list[tuple[bytes, bytes]], why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        token_of(given)


def test_authorizer_that_saw_another_user_is_refused() -> None:
    identity = Identity("ana", "ana", frozenset())

    check_authorizer({}, identity)
    check_authorizer({"requestContext": {"authorizer": {"claims": {"sub": "ana"}}}}, identity)
    with pytest.raises(IdentityError):
        check_authorizer({"requestContext": {"authorizer": {"claims": {"sub": "bob"}}}}, identity)
