"""The security matrix's main cells through the local stack: real tokens, real processes, streamed answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
import pytest_asyncio

from tests.e2e.conftest import PASSWORD, variant
from tests.security.matrix import OTHERS, ROWS, UNKNOWN
from tools.client.sign_in import create_user, sign_in
from tools.fuzz.belongings import Belongings, acquire
from tools.fuzz.recorded import Headers, Recorded
from tools.local.function.payload import HttpRequest, HttpResponse
from tools.local.sign_in.user_pool import UserPool
from tools.local.stack import Stack

BUSY_SECONDS = 30
ANA, BOB = "matrix-ana@example.com", "matrix-bob@example.com"


@dataclass(frozen=True)
class Two:
    """Two users with one object of every kind each. `token` is ana's."""

    http: httpx.Client
    token: str
    ana: Belongings
    bob: Belongings
    bad_tokens: dict[str, Headers]

    def ask(self, request: Recorded, headers: Headers | None = None) -> HttpResponse:
        """Send a request with ana's token, or with the given headers instead."""
        own = (("x-auth-token", self.token),)
        return send(self.http, request.to(self.ana, self.bob, *(own if headers is None else headers)))


def send(http: httpx.Client, request: HttpRequest) -> HttpResponse:
    """Send a request, again while the processes are busy with the ends of earlier turns."""
    last = time.monotonic() + BUSY_SECONDS
    while True:
        answer = http.request(request.method, request.target, headers=request.headers, content=request.body)
        if answer.status_code != 429 or time.monotonic() > last:
            break
        time.sleep(0.1)
    return HttpResponse(answer.status_code, list(answer.headers.items()), answer.content)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(stack: Stack) -> AsyncIterator[Two]:
    for name in (ANA, BOB):
        create_user(stack.aws, name, PASSWORD)
    ana, bob = (sign_in(stack.aws, name, PASSWORD) for name in (ANA, BOB))
    header, payload, _ = ana.access_token.split(".")
    with UserPool() as stranger:
        forged = stranger.token("ana", iss=stack.aws.issuer, client_id=stack.aws.client_id)
    bad = {
        "none": (),
        "garbage": (("x-auth-token", "not.a.token"),),
        "an ID token": (("x-auth-token", ana.id_token),),
        "another's signature": (("x-auth-token", f"{header}.{payload}.{bob.access_token.split('.')[2]}"),),
        "a forged one": (("authorization", f"Bearer {forged}"),),
        "two": (("x-auth-token", ana.access_token), ("authorization", f"Bearer {bob.access_token}")),
    }
    # More requests in a minute than a user may send.
    unlimited = json.dumps(dict.fromkeys(("requests_per_minute", "turns_per_minute", "actions_per_minute")))
    async with variant(stack, LIMITS=unlimited) as url:
        with httpx.Client(base_url=url, timeout=60) as http:
            sending = partial(send, http)  # called in threads: the Function URL runs in this event loop
            anas = await asyncio.to_thread(acquire, sending, ana.access_token, "ana")
            bobs = await asyncio.to_thread(acquire, sending, bob.access_token, "bob")
            yield Two(http, ana.access_token, anas, bobs, bad)


@pytest.mark.promise("H1")
async def test_bad_tokens_open_nothing(two: Two) -> None:
    statuses = {
        (name, kind): (await asyncio.to_thread(two.ask, row.request, headers)).status
        for name, row in ROWS.items()
        for kind, headers in two.bad_tokens.items()
    }

    assert {cell: status for cell, status in statuses.items() if status != ROWS[cell[0]].refused()} == {}


@pytest.mark.promise("S1")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.places()])
async def test_another_users_ids_are_unknown(two: Two, name: str) -> None:
    row = ROWS[name]
    for place in row.places():
        others, unknown = [
            await asyncio.to_thread(two.ask, row.with_id(place, ids[row.kind(place)])) for ids in (OTHERS, UNKNOWN)
        ]

        assert (others.status, unknown.status) == (row.foreign(place), row.foreign(place)), place
        assert two.bob.mark.encode() not in others.body
