"""Takers that die at each request to the table, and several at once: always one and the same conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from attachments_s3 import MessageFiles, S3AttachmentStore
from chat_api.attach.takeover import Takeover
from store_dynamo import DynamoStore
from tests.fakes.dead_turn import THREAD, TURN, Past, half_an_answer, plant
from tests.fakes.dynamo_backend import BUCKET, DynamoBackend
from tests.fakes.turn import request_context

ANA = request_context("ana")
FILE = "atc_1"


class KilledError(BaseException):
    """The taker's process ends here."""


class Killing:
    """Raises KilledError in place of a client's n-th request, or behind it."""

    def __init__(self, client: Any, at: int, *, carried_out: bool) -> None:
        self._client, self._at, self._seen = client, at, 0
        self._event = "after-call.dynamodb.*" if carried_out else "before-send.dynamodb.*"

    def __enter__(self) -> Killing:
        self._client.meta.events.register_first(self._event, self._count)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.meta.events.unregister(self._event, self._count)

    def _count(self, **_: Any) -> None:
        self._seen += 1
        if self._seen == self._at:
            raise KilledError


def takeover(backend: DynamoBackend) -> Takeover:
    store: DynamoStore[Any] = backend.store()
    files: S3AttachmentStore[Any] = S3AttachmentStore(
        bucket=BUCKET, client=backend.s3, user_of=backend.log.user_of, threads=backend.quick.threads
    )
    return Takeover(store, MessageFiles(store, files))


async def dead(backend: DynamoBackend, **options: Any) -> Any:
    return await plant(backend.store(), ANA, running=backend.store(clock=Past()).running, **options)


async def stored(backend: DynamoBackend) -> list[str]:
    store = backend.store()
    assert await store.running.find(THREAD, ANA) is None
    items = (await store.load_thread_items(THREAD, None, 100, "asc", ANA)).data
    return [item.model_dump_json() for item in items]


@pytest.mark.promise("R3")
@pytest.mark.promise("R4")
@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "behind"])
async def test_takers_killed_at_each_request_end_in_one_store(backend: DynamoBackend, carried_out: bool) -> None:
    turn = await dead(backend, parts=half_an_answer())
    kills = 0
    for at in range(1, 100):
        with Killing(backend.client, at, carried_out=carried_out):
            try:
                await takeover(backend).of(turn, ANA)
                break
            except KilledError:
                kills += 1
    found = await stored(backend)

    assert kills >= 10
    assert ["msg_user_1", "wf_1", "msg_1", f"shcx_{TURN}"] == [_id(item) for item in found]
    await asyncio.gather(*(takeover(backend).of(turn, ANA) for _ in range(3)))
    assert await stored(backend) == found


@pytest.mark.promise("R3")
@pytest.mark.promise("R4")
@pytest.mark.parametrize("at", range(1, 12))
async def test_another_taker_finishes_what_a_killed_one_began(backend: DynamoBackend, at: int) -> None:
    turn = await dead(backend, parts=half_an_answer())
    with Killing(backend.client, at, carried_out=True), pytest.raises(KilledError):
        await takeover(backend).of(turn, ANA)

    takers = await asyncio.gather(*(takeover(backend).of(turn, ANA) for _ in range(3)))

    assert any(takers)
    assert ["msg_user_1", "wf_1", "msg_1", f"shcx_{TURN}"] == [_id(item) for item in await stored(backend)]


@pytest.mark.promise("R3")
@pytest.mark.promise("H10")
async def test_killed_takers_do_not_forget_that_the_message_was_not_stored(backend: DynamoBackend) -> None:
    turn = await dead(backend, has_thread=False)
    for at in range(1, 100):
        with Killing(backend.client, at, carried_out=True):
            try:
                await takeover(backend).of(turn, ANA)
                break
            except KilledError:
                pass

    record = await backend.store().turns.find(TURN, ANA)
    assert record is not None
    assert record.unsent


def _id(item: str) -> str:
    return item.partition('"id":"')[2].partition('"')[0]
