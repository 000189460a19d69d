"""Random visits of one user to the access record, on moto and in memory, compared with a plain model."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from store_dynamo import CLIENT_CONFIG
from store_dynamo.access import Access, Seat
from store_dynamo.errors import (
    ConditionFailedError,
    RateExceededError,
    SignedOutError,
    StoreUnavailableError,
    TooManyRunningError,
)
from store_dynamo.keys import access_key
from store_dynamo.table import Table
from store_dynamo.testing import Caller, Clock
from tests.fakes.dynamo_backend import QUICK, DynamoBackend, create_table
from tests.fakes.faults import Faults
from tests.fakes.memory_records import MemoryAccess
from tools.stack.template import read_template

ALICE = Caller("alice")
PER_MINUTE, SEATS = 4, 2

steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([1, 14, 15, 16, 61, 200])),
        st.tuples(st.just("enter"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.integers(0, 3)),
        st.tuples(st.just("leave"), st.integers(0, 3)),
        st.tuples(st.just("sign_out"), st.just(0)),
    ),
    max_size=25,
)


class Model:
    """The rules of the access record in their plainest form."""

    def __init__(self, start: datetime) -> None:
        self.entered: list[datetime] = []
        self.full_at = start
        self.running: dict[int, datetime] = {}
        self.signed_out = datetime.min.replace(tzinfo=start.tzinfo)

    def enter(self, now: datetime, signed_in_at: datetime, turn: int | None) -> type[Exception] | None:
        if signed_in_at < self.signed_out:
            return SignedOutError
        full_at = max(self.full_at, now) + timedelta(seconds=60 / PER_MINUTE)
        if full_at > now + timedelta(minutes=1):
            return RateExceededError
        if turn is not None:
            alive = [each for each, until in self.running.items() if until > now]
            if turn not in alive and len(alive) >= SEATS:
                return TooManyRunningError
            self.running[turn] = now + timedelta(seconds=60)
        self.full_at = full_at
        self.entered.append(now)
        return None


async def play(access: Any, clock: Clock, moves: list[tuple[str, int]]) -> None:
    model = Model(clock())
    signed_in_at = clock()
    seats: dict[int, Seat] = {}
    for move, value in moves:
        if move == "wait":
            clock.advance(timedelta(seconds=value))
        elif move == "leave":
            if value in seats:
                await access.leave(seats[value], ALICE)
                model.running.pop(value, None)
        elif move == "sign_out":
            await access.sign_out(ALICE, clock())
            model.signed_out = clock()
            clock.advance(timedelta(seconds=1))
            signed_in_at = clock() if len(model.entered) % 2 else signed_in_at
        else:
            turn = value if move == "turn" and value not in model.running else None
            seat = None if turn is None else Seat(f"turn-{turn}", clock() + timedelta(seconds=60), SEATS)
            expected = model.enter(clock(), signed_in_at, turn)
            outcome: type[Exception] | None = None
            try:
                await access.enter(ALICE, signed_in_at=signed_in_at, rates={"requests": PER_MINUTE}, seat=seat)
            except (SignedOutError, RateExceededError, TooManyRunningError) as error:
                outcome = type(error)
            assert outcome is expected
            if turn is not None and seat is not None and outcome is None:
                seats[turn] = seat
    minute = timedelta(minutes=1)
    assert all(sum(at <= each < at + minute for each in model.entered) < 2 * PER_MINUTE for at in model.entered)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        yield client
        client.close()


@pytest.mark.promise("H7")
@pytest.mark.promise("H12")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=steps)
def test_any_course_of_visits_agrees_with_the_model(client: Any, moves: list[tuple[str, int]]) -> None:
    table = f"chat-{uuid.uuid4()}"
    create_table(client, table, stream=False)
    clock = Clock()

    with ThreadPoolExecutor(1) as threads:  # moto is not thread-safe
        records = Table(table, client, replace(QUICK, threads=threads))
        access = Access[Caller](records, lambda context: context.user_id, clock)
        asyncio.run(play(access, clock, moves))
    client.delete_table(TableName=table)


@settings(max_examples=200, deadline=None)
@given(moves=steps)
def test_the_fake_agrees_with_the_model(moves: list[tuple[str, int]]) -> None:
    clock = Clock()
    asyncio.run(play(MemoryAccess(lambda context: context.user_id, clock), clock, moves))


@pytest.mark.promise("H7")
async def test_an_ordinary_visit_is_one_write_and_one_unit(moto_backend: DynamoBackend) -> None:
    clock = Clock()
    access = moto_backend.store(clock=clock).access
    rates = {"requests": 120, "turns": 20}
    for n in range(3):
        seat = Seat(f"turn-{n}", clock() + timedelta(minutes=5), 3)
        await access.enter(ALICE, signed_in_at=clock(), rates=rates, seat=seat)
        clock.advance(timedelta(seconds=3))

    assert [each.operation for each in moto_backend.log.requests] == ["UpdateItem"] * 3
    await access.enter(ALICE, signed_in_at=clock(), rates={"requests": 120})
    await access.enter(ALICE, signed_in_at=clock(), rates={"requests": 120})
    assert len(moto_backend.log.requests) == 6  # within half a second of another one: two writes


async def test_an_operator_has_a_user_id_and_no_context(moto_backend: DynamoBackend) -> None:
    clock = Clock()
    store = moto_backend.store(clock=clock)
    await Access(Table(moto_backend.table, moto_backend.client, moto_backend.quick), str, clock).erase("alice", clock())

    with pytest.raises(SignedOutError):
        await store.access.enter(ALICE, signed_in_at=clock() - timedelta(hours=1))
    moto_backend.log.requests.clear()


@pytest.mark.promise("S9")
async def test_a_lost_answer_takes_one_seat(moto_backend: DynamoBackend) -> None:
    clock = Clock()
    access = moto_backend.store(clock=clock).access
    with Faults(moto_backend.client) as faults:
        faults.lose_answer("UpdateItem")
        await access.enter(ALICE, rates={"requests": 9}, seat=Seat("turn-1", clock() + timedelta(minutes=5), 1))
        assert faults.pending == 0


async def test_contention_without_end_is_unavailable(moto_backend: DynamoBackend) -> None:
    access: Any = moto_backend.store().access

    async def always_refused(*_: Any) -> None:
        raise ConditionFailedError({0: None})

    access._table.update = always_refused
    with pytest.raises(StoreUnavailableError, match="Contention"):
        await access.enter(ALICE)


@pytest.mark.promise("H12")
async def test_a_tombstone_outlives_the_longest_session(moto_backend: DynamoBackend) -> None:
    """A refresh token renews access tokens with the time of its first sign-in."""
    clock = Clock()
    access = moto_backend.store(clock=clock).access
    parameters = read_template()["Parameters"]
    days, minutes = (parameters[name]["MaxValue"] for name in ("RefreshTokenDays", "AccessTokenMinutes"))

    await access.erase(ALICE, clock())
    tombstone = moto_backend.client.get_item(TableName=moto_backend.table, Key=access_key("alice"))["Item"]

    assert set(tombstone) == {"pk", "sk", "signed_out_before", "erased_at", "expires_at"}
    kept = timedelta(seconds=int(tombstone["expires_at"]["N"]) - clock().timestamp())
    assert kept > timedelta(days=days, minutes=minutes)
