"""`POST /chatkit/sign-out`, and the response that ends a session in the page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chat_api.error_responses import error_response
from chat_api.identity import SessionEndedError
from store_dynamo.errors import SignedOutError
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World

pytestmark = pytest.mark.promise("H12")


async def test_earlier_sign_ins_of_this_user_only_end_and_the_sign_out_is_recorded(world: World) -> None:
    ana, bob = request_context("ana"), request_context("bob")
    before = datetime.now(UTC)

    async with world.client() as client:
        answer = await client.post("/chatkit/sign-out", headers={"x-forwarded-for": "203.0.113.7"})

    assert (answer.status_code, answer.headers["cache-control"]) == (202, "no-store")
    with pytest.raises(SignedOutError):
        await world.store.access.enter(ana, signed_in_at=before - timedelta(seconds=1))
    await world.store.access.enter(ana, signed_in_at=datetime.now(UTC) + timedelta(seconds=2))
    await world.store.access.enter(bob, signed_in_at=before - timedelta(seconds=1))
    ((action, outcome),) = world.store.audit.entries
    assert (action.name, action.actor, action.source, outcome) == ("sign-out", "ana", "203.0.113.7", "done")


async def test_a_stranger_cannot_sign_anyone_out(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.post("/chatkit/sign-out")).status_code == 401

    assert world.store.audit.entries == []


@pytest.mark.parametrize(("erased", "reason"), [(False, "signed_out"), (True, "erased")])
async def test_an_ended_session_has_its_reason_in_the_response(erased: bool, reason: str) -> None:
    request: Any = SimpleNamespace(state=SimpleNamespace(request_id="request-1"), headers={})

    answer = await error_response(request, SessionEndedError(erased=erased))

    assert answer.status_code == 401
    assert json.loads(bytes(answer.body))["reason"] == reason
