"""Runs that last longer than a token: users sign in again, and a refusal counts as a fault, not as a turn."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import pytest

from tools.client.chatkit import ChatKitClient, RefusedError, get_thread
from tools.soak.ledger import Conversation, Life
from tools.soak.life import refused
from tools.soak.posting import BUSY
from tools.soak.stage import renewing
from tools.soak.tally import Tally
from tools.soak.user import User


async def test_a_client_sends_its_renewed_token() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-auth-token"])
        return httpx.Response(200, json={})

    async with ChatKitClient("http://site", "first", httpx.MockTransport(answer)) as client:
        await client.call(get_thread("thr_1"))
        client.renew("second")
        await client.call(get_thread("thr_1"))

    assert seen == ["first", "second"]


async def test_all_users_get_later_tokens_again_and_again() -> None:
    issued: list[int] = []
    twice = asyncio.Event()

    async def token_of(user: User) -> str:
        issued.append(user.number)
        if len(issued) > 4:
            twice.set()
        return f"{user.number}-{len(issued)}"

    async with User(1, "http://site", "old") as ana, User(2, "http://site", "old") as ben:
        renewal = asyncio.create_task(renewing([ana, ben], token_of, 0.001))
        await asyncio.wait_for(twice.wait(), 5)
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal

        assert issued[:4] == [1, 2, 1, 2]
        assert ana.token in [f"1-{number}" for number in range(3, len(issued) + 1, 2)]
        assert ben.token in [f"2-{number}" for number in range(4, len(issued) + 1, 2)]


def test_a_refusal_is_a_violation_of_a_long_life() -> None:
    tally = Tally("life")
    tally.refusals.update({"401": 3, BUSY: 2})

    assert [(each.kind, each.detail) for each in refused(tally)] == [("refused", "401: 3 times")]


@pytest.mark.parametrize(("status", "detail"), [(404, "does not exist"), (401, "refused: 401")])
async def test_the_oracle_tells_a_lost_thread_from_a_refused_owner(
    status: int, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(*_: object) -> None:
        raise RefusedError(status, "no")

    monkeypatch.setattr(ChatKitClient, "call", call)
    conversation = Conversation()
    conversation.thread_id, conversation.life = "thr_1", Life.THERE
    async with User(1, "http://site", "token") as user:
        tally = user._tally
        assert await user.check(conversation) is None

    (violation,) = tally.violations
    assert violation.kind == "lost"
    assert detail in violation.detail
