"""H1: only a Cognito access token of this pool and this client authenticates a caller."""

from __future__ import annotations

import asyncio
import base64
import socket
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat_api.identity import (
    JWKS_TIMEOUT_SECONDS,
    MAX_TOKEN_BYTES,
    Identity,
    IdentityError,
    MissingGroupError,
    TokenVerifier,
    VerifierUnavailableError,
    check_authorizer,
    token_of,
)
from tools.local.sign_in.user_pool import UserPool

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


@pytest.mark.feature("user-identification")
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
        ({"client_id": "client-2"}, "different client"),
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
    assert "does not belong to the user pool" in await refused(verifier, other_kid)


async def test_unsigned_and_symmetric_tokens_are_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    public_pem = pool.keys["key-1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = jwt.encode(pool.claims("ana"), "", "none", {"kid": "key-1"})
    hmac_key = public_pem.hex().encode()  # PyJWT does not sign with a PEM; the algorithm alone must be rejected
    symmetric = jwt.encode(pool.claims("ana"), hmac_key, "HS256", {"kid": "key-1"})

    assert "RS256" in await refused(verifier, unsigned)
    assert "RS256" in await refused(verifier, symmetric)


async def test_key_address_in_the_token_is_not_followed(pool: UserPool, verifier: TokenVerifier) -> None:
    with UserPool() as attacker:
        token = attacker.token("ana", headers={"jku": attacker.jwks_url, "x5u": attacker.jwks_url})

        await refused(verifier, token)

        assert attacker.fetches == 0


GARBAGE = {
    "nothing": "",
    "a letter": "x",
    "three letters": "a.b.c",
    "no ASCII": "é" * 100,
    "dots": "." * 50,
    "8 KB": "A" * MAX_TOKEN_BYTES,
    "8 KB of header": f"{'A' * (MAX_TOKEN_BYTES - 4)}.A.A",
    "more than 8 KB": "A" * (MAX_TOKEN_BYTES + 1),
    "a header that is no object": "W10.e30.AA",
    "a kid that is no text": base64.urlsafe_b64encode(b'{"alg":"RS256","kid":["key-1"]}').decode() + ".e30.AA",
}


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_refused_without_asking_the_pool(pool: UserPool, verifier: TokenVerifier, token: str) -> None:
    await refused(verifier, token)

    assert pool.fetches == 0


async def test_token_whose_signature_is_of_other_claims_is_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    ana, bob = pool.token("ana").split("."), pool.token("bob").split(".")

    assert "signature" in (await refused(verifier, ".".join((ana[0], bob[1], ana[2])))).lower()


async def test_missing_kid_is_refused(pool: UserPool, verifier: TokenVerifier) -> None:
    token = jwt.encode(pool.claims("ana"), pool.keys["key-1"], "RS256")

    assert "key id" in await refused(verifier, token)


async def test_unknown_kids_fetch_the_keys_once(pool: UserPool, verifier: TokenVerifier) -> None:
    await verifier.fetch_keys()
    for number in range(50):
        await refused(verifier, pool.token("ana", headers={"kid": f"forged-{number}"}))

    assert pool.fetches == 1


async def test_a_new_key_of_the_pool_is_found(pool: UserPool) -> None:
    """Cognito rotates its keys: an unknown kid makes the verifier fetch them again."""
    verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url, refresh_seconds=0)
    await verifier.verify(pool.token("ana"))
    pool.rotate("key-2")

    assert (await verifier.verify(pool.token("ana"))).user_id == "ana"
    assert pool.fetches == 2


async def test_keys_that_are_known_serve_while_the_pool_cannot_be_reached() -> None:
    with UserPool() as pool:
        verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)
        await verifier.fetch_keys()
        token = pool.token("ana")

    assert (await verifier.verify(token)).user_id == "ana"


async def test_an_unreachable_pool_lets_no_unknown_key_in() -> None:
    with UserPool() as pool:
        verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)
        await verifier.fetch_keys()
        pool.rotate("key-2")
        token = pool.token("ana")

    with pytest.raises((IdentityError, VerifierUnavailableError)):
        await verifier.verify(token)


async def test_a_silent_pool_does_not_block_the_others_and_is_given_up() -> None:
    """If the server never responds, other coroutines continue and the request waits no longer than the timeout."""
    with UserPool() as pool:
        token = pool.token("ana")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks.json"
        verifier = TokenVerifier(pool.issuer, pool.client_id, url)
        waiting = asyncio.create_task(verifier.verify(token))
        ticks = 0
        while not waiting.done() and ticks < 10_000:
            await asyncio.sleep(0.01)
            ticks += 1

        with pytest.raises(VerifierUnavailableError):
            await waiting
    assert ticks > 5
    assert JWKS_TIMEOUT_SECONDS <= 3


async def test_a_user_outside_the_required_group_is_known_and_refused(pool: UserPool) -> None:
    verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url, required_group="family")
    member: dict[str, Any] = {"cognito:groups": ["family", "admin"]}
    other: dict[str, Any] = {"cognito:groups": ["Family"]}

    assert (await verifier.verify(pool.token("ana", **member))).user_id == "ana"
    for claims in ({}, other):
        with pytest.raises(MissingGroupError):
            await verifier.verify(pool.token("bob", **claims))


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
        (headers(("X-Auth-Token", "abc"), ("AUTHORIZATION", "bEaReR abd")), "two different"),
        (headers(("authorization", "Bearer abc"), ("authorization", "Bearer abd")), "two different"),
        (headers(("authorization", "bearerabc")), "sign in"),
        (headers(("authorization", "")), "sign in"),
        (headers(("x-auth-token\r\nx", "abc")), "sign in"),
        (headers(("x_auth_token", "abc")), "sign in"),
        (headers(("cookie", "x-auth-token=abc")), "sign in"),
    ],
)
def test_no_token_and_two_tokens_are_refused(given: list[tuple[bytes, bytes]], why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        token_of(given)


@pytest.mark.parametrize("value", ["", " ", "Bearer ", "abc, abd", "abc abd", "Basic abc"])
async def test_what_is_no_single_token_is_refused(verifier: TokenVerifier, value: str) -> None:
    """A proxy that combines repeated headers joins them with a comma."""
    with pytest.raises(IdentityError):
        await verifier.verify(token_of(headers(("x-auth-token", value))))


def test_authorizer_that_saw_another_user_is_refused() -> None:
    identity = Identity("ana", "ana", frozenset())

    check_authorizer({}, identity)
    check_authorizer({"requestContext": {"authorizer": {"claims": {"sub": "ana"}}}}, identity)
    with pytest.raises(IdentityError):
        check_authorizer({"requestContext": {"authorizer": {"claims": {"sub": "bob"}}}}, identity)
