"""POST /chatkit/sign-out: every token of the user's earlier sign-ins is refused, in every route, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.chat_api.conftest import World
from tools.client.chatkit import create_thread

ROUTES = (
    ("POST", "/chatkit"),
    ("GET", "/chatkit/composer"),
    ("GET", "/chatkit/overview"),
    ("GET", "/chatkit/search?q=word"),
    ("POST", "/chatkit/turns/turn_12345678/cancel"),
    ("POST", "/chatkit/sign-out"),
)


@pytest.mark.promise("H12")
async def test_an_old_token_is_refused_everywhere(world: World) -> None:
    assert (await world.post(create_thread("hello"))).status_code == 200
    async with world.client() as client:
        assert (await client.post("/chatkit/sign-out")).status_code == 200
        for method, path in ROUTES:
            body = {"type": "threads.list", "params": {}} if path == "/chatkit" else None
            answer = await client.request(method, path, json=body)
            assert answer.status_code == 401, path
            assert "sign" in answer.json()["message"].lower()
    assert (await world.post({"type": "threads.list", "params": {}}, user="bob")).status_code == 200


@pytest.mark.promise("H12")
async def test_an_erased_user_cannot_return_with_an_old_token(world: World) -> None:
    await world.post(create_thread("hello"))
    user_id = world.assistant.turns[0].context.user_id
    context = world.assistant.turns[0].context
    assert context.user_id == user_id
    await world.store.access.erase(context, datetime.now(UTC))

    assert (await world.post(create_thread("I am back"))).status_code == 401
    assert (await world.post({"type": "threads.list", "params": {}})).status_code == 401
