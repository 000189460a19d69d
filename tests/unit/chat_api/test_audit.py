"""Audit records of users' deletions: who, what, from where; only of what existed, and never content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store_dynamo.errors import StoreUnavailableError
from store_dynamo.testing.models import thread
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World

pytestmark = pytest.mark.promise("H15")


@pytest.fixture
def entries(world: World) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        return [
            {"name": each.name, "actor": each.actor, "target": each.target, "source": each.source, "outcome": outcome}
            for each, outcome in world.store.audit.entries
        ]

    return read


async def a_thread(world: World, user: str = "ana") -> str:
    context = request_context(user)
    thread_id = world.store.generate_thread_id(context)
    await world.store.save_thread(thread(thread_id), context)
    return thread_id


def deletion(thread_id: str) -> dict[str, Any]:
    return {"type": "threads.delete", "params": {"thread_id": thread_id}}


async def test_deleted_conversation_is_recorded_with_the_users_address(
    world: World, entries: Callable[[], list[dict[str, Any]]]
) -> None:
    thread_id = await a_thread(world)

    await world.post(deletion(thread_id), **{"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.0.0.1"})

    assert entries() == [
        {"name": "thread.delete", "actor": "ana", "target": thread_id, "source": "203.0.113.7,10.0.0.1",
         "outcome": "done"}
    ]  # fmt: skip


async def test_deletion_without_effect_is_not_recorded(
    world: World, entries: Callable[[], list[dict[str, Any]]]
) -> None:
    thread_id = await a_thread(world)

    for user, target in (("bob", thread_id), ("ana", "thr_unknown"), ("ana", "my IBAN is DE02 1203")):
        assert (await world.post(deletion(target), user=user)).status_code == 200

    assert entries() == []


@pytest.mark.parametrize("header", ["<script>, words of a user", "x" * 999, "", ",,,", "::1"])
async def test_source_contains_addresses_only(
    world: World, entries: Callable[[], list[dict[str, Any]]], header: str
) -> None:
    await world.post(deletion(await a_thread(world)), **{"x-forwarded-for": header})

    assert entries()[0]["source"] in ("", "::1")


async def test_failing_record_neither_undoes_nor_fails_the_deletion(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailableError("put_item", 8, "Throttling")

    thread_id = await a_thread(world)
    monkeypatch.setattr(world.store.audit, "write", fail)

    assert (await world.post(deletion(thread_id))).status_code == 200

    (line,) = (each for each in caplog.records if each.message == "not in the audit record")
    assert (line.__dict__["audit"]["actor"], line.__dict__["audit"]["target"]) == ("ana", thread_id)
