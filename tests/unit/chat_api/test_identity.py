"""H1: only a Cognito access token of this pool and this client authenticates a caller."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from chat_api.identity import (
    JWKS_TIMEOUT_SECONDS,
    KEYS_SECONDS,
    LAST_GOOD_SECONDS,
    MAX_JWKS_BYTES,
    MAX_TOKEN_BYTES,
    NO_KEYS_PAUSE_SECONDS,
    REFRESH_SECONDS,
    RENEW_SECONDS,
    STALE_WAIT_SECONDS,
    Identity,
    IdentityError,
    MissingGroupError,
    Moment,
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
    "a header that is a list": "W10.e30.AA",
    "a kid that is a list": base64.urlsafe_b64encode(b'{"alg":"RS256","kid":["key-1"]}').decode() + ".e30.AA",
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


class Clocks:
    """The wall clock and the clock for durations, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_800_000_000.0, 50.0

    def __call__(self) -> Moment:
        return Moment(self.wall, self.monotonic)

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def known(pool: UserPool, clocks: Clocks) -> TokenVerifier:
    """A verifier that has just fetched the pool's keys."""
    verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url, now=clocks)
    await verifier.fetch_keys()
    return verifier


ENCRYPTING = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True) | {"use": "enc"}
FAULTS: dict[str, tuple[int, bytes]] = {
    "503": (503, b""),
    "404 with JSON": (404, b'{"keys": []}'),
    "no body": (200, b""),
    "HTML": (200, b"<html>maintenance</html>"),
    "cut JSON": (200, b'{"keys": [{"kty": "RSA"'),
    "no object": (200, b"[]"),
    "no keys": (200, b"{}"),
    "an empty key set": (200, b'{"keys": []}'),
    "a number instead of the keys": (200, b'{"keys": 7}'),
    "keys that are not objects": (200, b'{"keys": [1, null, "key-1"]}'),
    "keys that cannot sign": (200, json.dumps({"keys": [{**ENCRYPTING, "kid": "key-1"}]}).encode()),
    "too large": (200, b" " * (MAX_JWKS_BYTES + 1)),
}


@pytest.mark.promise("H12")
class TestLastGoodKeys:
    @pytest.mark.parametrize(("status", "body"), FAULTS.values(), ids=FAULTS.keys())
    async def test_serve_for_a_day_while_the_key_server_fails(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks, status: int, body: bytes
    ) -> None:
        pool.fault = (status, body, None)

        for _ in range(24):
            clocks.sleep(LAST_GOOD_SECONDS / 24)
            assert (await known.verify(pool.token("ana"))).user_id == "ana"
        clocks.sleep(60)
        with pytest.raises(VerifierUnavailableError):
            await known.verify(pool.token("ana"))
        pool.fault = None
        clocks.sleep(NO_KEYS_PAUSE_SECONDS)

        assert (await known.verify(pool.token("ana"))).user_id == "ana"

    async def test_forged_tokens_do_not_flood_the_key_server_of_a_process_without_keys(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        pool.fault = (503, b"", None)
        clocks.sleep(LAST_GOOD_SECONDS + 1)
        fetches = pool.fetches

        for number in range(50):
            with pytest.raises(VerifierUnavailableError):
                await known.verify(pool.token("ana", headers={"kid": f"forged-{number}"}))

        assert pool.fetches == fetches + 1

    async def test_serve_while_the_key_server_hangs(self, pool: UserPool, known: TokenVerifier, clocks: Clocks) -> None:
        """Requests wait a second at most, all for one fetch, and the next ones not at all."""
        release = threading.Event()
        pool.fault = (200, b"", release)
        clocks.sleep(KEYS_SECONDS + 1)
        fetches = pool.fetches

        async with asyncio.timeout(JWKS_TIMEOUT_SECONDS):  # one after the other would take longer
            found = await asyncio.gather(*(known.verify(pool.token("ana")) for _ in range(5)))
            clocks.sleep(STALE_WAIT_SECONDS)
            found += [await known.verify(pool.token("ana")) for _ in range(50)]
        release.set()

        assert {each.user_id for each in found} == {"ana"}
        assert pool.fetches == fetches + 1

    async def test_a_failed_fetch_is_followed_by_a_pause(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        pool.fault = (503, b"", None)
        clocks.sleep(KEYS_SECONDS + 1)
        fetches = pool.fetches

        for _ in range(20):
            await known.verify(pool.token("ana"))
        assert pool.fetches == fetches + 1
        clocks.sleep(REFRESH_SECONDS)
        await known.verify(pool.token("ana"))

        assert pool.fetches == fetches + 2

    async def test_unknown_key_ids_stay_bounded_during_an_outage(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        pool.fault = (503, b"", None)
        clocks.sleep(KEYS_SECONDS + 1)
        fetches = pool.fetches

        for number in range(50):
            with pytest.raises(VerifierUnavailableError):  # it may be a new key of the pool
                await known.verify(pool.token("ana", headers={"kid": f"forged-{number}"}))

        assert pool.fetches == fetches + 1

    async def test_are_renewed_in_the_background_before_they_expire(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        release = threading.Event()
        pool.fault = (503, b"", release)
        clocks.sleep(RENEW_SECONDS + 1)
        fetches = pool.fetches

        async with asyncio.timeout(STALE_WAIT_SECONDS):
            assert (await known.verify(pool.token("ana"))).user_id == "ana"
        release.set()
        await until(lambda: pool.fetches == fetches + 1)

    async def test_a_key_that_the_pool_has_removed_is_refused_after_an_hour(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        removed = pool.token("ana")
        pool.rotate("key-2")
        clocks.sleep(KEYS_SECONDS + 1)

        assert "does not belong to the user pool" in await refused(known, removed)
        assert (await known.verify(pool.token("ana"))).user_id == "ana"

    @pytest.mark.parametrize(("wall", "monotonic"), [(86_401, 1), (-3600, 86_401)], ids=["restored", "set back"])
    async def test_clocks_that_jump_do_not_keep_them_alive(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks, wall: float, monotonic: float
    ) -> None:
        """After a restore, the clock for durations continues from the snapshot; the wall clock can be set back."""
        pool.fault = (503, b"", None)
        clocks.wall += wall
        clocks.monotonic += monotonic

        with pytest.raises(VerifierUnavailableError):
            await known.verify(pool.token("ana"))

    async def test_blocking_tools_do_not_hold_up_authentication(
        self, pool: UserPool, known: TokenVerifier, clocks: Clocks
    ) -> None:
        release = threading.Event()
        asyncio.get_running_loop().set_default_executor(executor := ThreadPoolExecutor(1))
        blocked = asyncio.create_task(asyncio.to_thread(release.wait))
        await asyncio.sleep(0)
        pool.rotate("key-2")
        clocks.sleep(REFRESH_SECONDS)

        identity = await known.verify(pool.token("ana"))

        assert identity.user_id == "ana"
        assert not blocked.done()
        release.set()
        await blocked
        executor.shutdown()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


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
