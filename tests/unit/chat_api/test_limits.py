"""Limits: counted requests, rejected requests, and the message for the client."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import httpx
import pytest
from chatkit.types import (
    AudioInput,
    ChatKitReq,
    LockedStatus,
    StreamingReq,
    SyncCustomActionResponse,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
)
from fastapi.routing import APIRoute

from chat_api.app import create_app
from chat_api.assistant import Turn
from chat_api.dependencies import PROTOCOL, counted_user, current_user
from chat_api.errors import TooManyRequestsError
from chat_api.limits import CHARGES, TURN, Limits
from chat_api.settings import LimitSettings, Settings
from store_dynamo.access import Seat
from store_dynamo.errors import StoreUnavailableError
from store_dynamo.testing import Clock
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.assistants import Halting
from tests.fakes.memory_records import MemoryRates
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_routes import depends_on
from tools.client.chatkit import Event, add_message, create_thread
from tools.local.files import PNG

WorldOf = Callable[..., World]
AUDIO = base64.b64encode(b"OggS...").decode()
DICTATION: Event = {"type": "input.transcribe", "params": {"audio_base64": AUDIO, "mime_type": "audio/ogg"}}
REGISTER: Event = {
    "type": "attachments.create",
    "params": {"name": "a.png", "mime_type": "image/png", "size": len(PNG)},
}
SYNC_ACTION: Event = {"type": "threads.sync_custom_action", "params": {"thread_id": "~", "action": {"type": "a"}}}


class Hearing(Echo):
    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        turn.usage(input_tokens=100, output_tokens=1)
        return TranscriptionResult(text="heard")

    async def sync_action(self, thread: Any, action: Any, sender: Any, turn: Turn) -> SyncCustomActionResponse:
        turn.usage(input_tokens=100, output_tokens=1)
        return SyncCustomActionResponse(updated_item=None)


class Spending(Echo):
    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        turn.usage(input_tokens=700, output_tokens=50)
        turn.usage(input_tokens=200, output_tokens=50)
        async for event in super().respond(thread, message, turn):
            yield event


def only(**limits: int) -> LimitSettings:
    """Return settings with only the given limits."""
    return LimitSettings(**{**dict.fromkeys(LimitSettings.model_fields), **limits})


async def upload(world: World) -> httpx.Response:
    async with world.client() as client:
        return await client.post("/chatkit/attachments", files={"file": ("a.png", PNG, "image/png")})


def in_thread(request: Event, thread_id: str) -> Event:
    """Return the request with a thread in the place of `~`."""
    return request | {
        "params": {name: thread_id if value == "~" else value for name, value in request["params"].items()}
    }


async def thread_of(world: World, user: str = "ana") -> str:
    """Store a thread and return its id."""
    await world.store.save_thread(ThreadMetadata(id="thr_1", created_at=datetime.now()), request_context(user))
    return "thr_1"


async def lock(world: World, thread_id: str) -> None:
    thread = ThreadMetadata(id=thread_id, created_at=datetime.now(), status=LOCKED)
    await world.store.save_thread(thread, request_context("ana"))


def with_model(name: str) -> Event:
    request = create_thread("hi")
    request["params"]["input"]["inference_options"] = {"model": name}
    return request


def shared(world: World) -> dict[str, int]:
    """Return the counters of all users."""
    return {name: hits for (user, name, _), hits in world.store.rates.hits.items() if user is None}


def request_types() -> set[Any]:
    return {each for union in get_args(get_args(ChatKitReq)[0]) for each in (get_args(union) or (union,))}


def streaming_types() -> set[Any]:
    return set(get_args(StreamingReq))


def settings_of(**options: Any) -> Settings:
    """Return valid settings."""
    pool: Any = "https://cognito.example/pool"
    required: dict[str, Any] = {"table_name": "t", "bucket_name": "b", "cognito_client_id": "c", "openai_api_key": "k"}
    return Settings(cognito_issuer=pool, cognito_jwks_url=pool, **required, **options)


@pytest.mark.promise("H7")
@pytest.mark.parametrize(
    ("limit", "request_"),
    [
        ("turns_per_minute", create_thread("hi")),
        ("turns_per_day", create_thread("hi")),
        ("uploads_per_minute", REGISTER),
        ("uploads_per_day", REGISTER),
        ("transcriptions_per_minute", DICTATION),
        ("transcriptions_per_day", DICTATION),
    ],
)
@pytest.mark.feature("rate-limits")
async def test_user_over_a_limit_is_told_when_to_come_back(world_of: WorldOf, limit: str, request_: Event) -> None:
    world = world_of(Hearing(), limits=only(**{limit: 2}))

    allowed = [(await world.post(request_)).status_code for _ in range(2)]
    refused = await world.post(request_)
    other = await world.post(request_, "bob")

    assert allowed == [200, 200]
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= (60 if "minute" in limit else 86_400)
    assert "2" in refused.json()["message"]
    assert "Try again in" in refused.json()["message"]
    assert other.status_code == 200


@pytest.mark.promise("H7")
async def test_refused_turn_stores_nothing_and_may_come_again(world_of: WorldOf) -> None:
    clock = Clock()
    world = world_of(Echo(), limits=only(turns_per_minute=1))
    world.store.rates.clock = world.store.access.clock = clock
    turn = {"x-turn-id": "turn-0000001"}

    await world.post(create_thread("hi"))
    refused = await world.post(create_thread("again"), **turn)
    threads = (await world.post({"type": "threads.list", "params": {}})).json()["data"]
    clock.advance(timedelta(minutes=1))
    again = await world.post(create_thread("again"), **turn)

    assert (refused.status_code, len(threads), again.status_code) == (429, 1, 200)


@pytest.mark.promise("H7")
async def test_direct_uploads_count_too(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=only(uploads_per_minute=1))

    assert [(await upload(world)).status_code, (await upload(world)).status_code] == [200, 429]


@pytest.mark.promise("H7")
async def test_searches_count_on_their_own(world_of: WorldOf) -> None:
    """A search reads far more than a list does."""
    world = world_of(Echo(), limits=only(searches_per_minute=1))

    async with world.client() as client:
        found = [await client.get("/chatkit/search?q=lisbon") for _ in range(2)]
        lists = await client.get("/chatkit/composer")

    assert [*(answer.status_code for answer in found), lists.status_code] == [200, 429, 200]


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
async def test_days_budget_is_everybodys(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=only(all_turns_per_day=2))

    answers = [await world.post(create_thread("hi"), user) for user in ("ana", "bob", "cy")]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "tomorrow" in answers[-1].json()["message"]


@pytest.mark.promise("H7")
@pytest.mark.promise("H9")
async def test_reported_tokens_are_taken_from_the_budget_and_measured(world_of: WorldOf) -> None:
    world = world_of(Spending(), limits=only(all_tokens_per_day=1500))

    answers = [(await world.post(create_thread("hi"), user)).status_code for user in ("ana", "bob", "cy")]

    assert answers == [200, 200, 429]  # two turns of a thousand tokens each; the second started within the budget
    assert [(meter.input_tokens, meter.output_tokens) for meter in world.metrics] == [(900, 100)] * 2


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
async def test_tokens_of_a_user_are_limited_by_default(world_of: WorldOf) -> None:
    world = world_of(Spending(), limits=LimitSettings(user_tokens_per_day=1500))

    answers = [(await world.post(create_thread("hi"), user)).status_code for user in ("ana", "ana", "ana", "bob")]

    assert answers == [200, 200, 429, 200]
    assert LimitSettings().user_tokens_per_day is not None


@pytest.mark.promise("H7")
@pytest.mark.parametrize("request_", [SYNC_ACTION, DICTATION], ids=["action", "dictation"])
async def test_tokens_of_requests_that_do_not_stream_count(world_of: WorldOf, request_: Event) -> None:
    world = world_of(Hearing(), limits=only(user_tokens_per_day=100))
    thread_id = await thread_of(world)

    answers = [(await world.post(in_thread(request_, thread_id))).status_code for _ in range(2)]

    assert answers == [200, 429]


@pytest.mark.promise("H7")
async def test_every_request_counts_towards_one_limit(world_of: WorldOf) -> None:
    """Refusing is all that a hostile client gets for lists, updates, feedback, and deletions without end."""
    world = world_of(Hearing(), limits=LimitSettings(requests_per_minute=1))
    reads: list[Event] = [
        {"type": "threads.list", "params": {}},
        {"type": "threads.delete", "params": {"thread_id": "thr_1"}},
        {"type": "items.feedback", "params": {"thread_id": "t", "item_ids": ["i"], "kind": "positive"}},
    ]

    first = await world.post(reads[0])
    others = [await world.post(request) for request in reads]
    async with world.client() as client:
        others += [await client.get(f"/chatkit/{path}") for path in ("composer", "overview", "entities", "search?q=x")]
        others += [await client.post("/chatkit/turns/turn-0000001/cancel"), await upload(world)]
        health = [(await client.get(path)).status_code for path in ("/chatkit", "/chatkit/attachments")]

    assert first.status_code == 200
    assert {answer.status_code for answer in others} == {429}
    assert {answer.headers["retry-after"] for answer in others} == {"60"}
    assert health == [200, 200]
    assert world.store.turns.cancelled == set()


@pytest.mark.promise("H7")
async def test_sync_actions_are_limited_like_what_they_do(world_of: WorldOf) -> None:
    world = world_of(Hearing(), limits=LimitSettings(actions_per_minute=2))
    thread_id = await thread_of(world)

    answers = [(await world.post(in_thread(SYNC_ACTION, thread_id))).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
async def test_turns_at_once_are_limited_and_end_with_their_answers(world_of: WorldOf) -> None:
    assistant = Halting()
    world = world_of(assistant, limits=LimitSettings(turns_at_once=2))
    headers = {"x-auth-token": world.pool.token("ana")}
    running = [Exchange(world.app, create_thread("slow"), headers) for _ in range(2)]
    for exchange in running:
        await exchange.event("thread.created")

    refused = [await world.post(create_thread("more")) for _ in range(3)]
    read = await world.post({"type": "threads.list", "params": {}})
    assistant.go_on.set()
    bobs = await world.post(create_thread("hi"), "bob")
    for exchange in running:
        await exchange.rest()
    again = await world.post(create_thread("again"))

    assert {answer.status_code for answer in refused} == {429}
    assert "2 answers at once" in refused[0].json()["message"]
    assert int(refused[0].headers["retry-after"]) <= 5
    assert (read.status_code, bobs.status_code, again.status_code) == (200, 200, 200)
    assert len(read.json()["data"]) == 2


@pytest.mark.promise("H7")
async def test_a_client_cannot_share_a_seat_by_naming_its_turn(world_of: WorldOf) -> None:
    limits = world_of(Echo(), limits=LimitSettings(turns_at_once=1)).server.limits
    first = request_context("ana")

    await limits.own(TURN, first)
    with pytest.raises(TooManyRequestsError, match="1 answers at once"):
        await limits.own(TURN, replace(first, request_id="request-2"))


@pytest.mark.promise("H7")
async def test_turns_of_all_users_leave_processes_free(world_of: WorldOf) -> None:
    assistant = Halting()
    world = world_of(assistant, limits=LimitSettings(all_turns_at_once=1))
    running = Exchange(world.app, create_thread("slow"), {"x-auth-token": world.pool.token("ana")})
    await running.event("thread.created")

    refused = await world.post(create_thread("hi"), "bob")
    listed = await world.post({"type": "threads.list", "params": {}}, "bob")
    assistant.go_on.set()
    await running.rest()
    again = await world.post(create_thread("hi"), "bob")

    assert (refused.status_code, listed.status_code, again.status_code) == (429, 200, 200)
    assert refused.json()["message"] == "The assistant is busy. Try again in 5 seconds."
    assert world.store.access.leases == {}


@pytest.mark.promise("H12")
@pytest.mark.parametrize("end", ["sign_out", "erase"])
async def test_an_ended_sign_in_is_refused_everywhere_at_once(world_of: WorldOf, end: str) -> None:
    world = world_of(Hearing())
    clock = world.store.access.clock
    old = world.pool.token("ana", auth_time=int(clock().timestamp()) - 60)
    renewed = world.pool.token("ana", auth_time=int(clock().timestamp()) - 60)
    new = world.pool.token("ana", auth_time=int(clock().timestamp()) + 1)
    requests: list[Event] = [create_thread("hi"), DICTATION, REGISTER, {"type": "threads.list", "params": {}}]

    before = [(await world.post(each, None, **{"x-auth-token": old})).status_code for each in requests]
    await getattr(world.store.access, end)(request_context("ana"), clock())
    after = [await world.post(each, None, **{"x-auth-token": renewed}) for each in requests]
    missing = await world.post(add_message("thr_missing", "hi"), None, **{"x-auth-token": renewed})
    async with world.client(None, **{"x-auth-token": renewed}) as client:
        after += [await client.get("/chatkit/composer"), await client.post("/chatkit/turns/turn-0000001/cancel")]
    again = [(await world.post(each, None, **{"x-auth-token": new})).status_code for each in requests]

    assert before == again == [200] * 4
    assert {answer.status_code for answer in [*after, missing]} == {401}
    assert after[0].json()["message"] == "your session has ended: sign in again"
    assert len(world.assistant.turns) == 2


LOCKED = LockedStatus(reason="closed by the bank")
OUTCOMES: dict[str, tuple[Event, dict[str, int], int]] = {
    "empty message": (create_thread(" "), {}, 400),
    "unknown model": (with_model("other"), {}, 400),
    "too long": (create_thread("x" * 200_001), {}, 413),
    "missing thread": (add_message("thr_missing", "hi"), {}, 404),
    "locked thread": (add_message("thr_locked", "hi"), {}, 409),
    "repeated turn": (create_thread("hi"), {}, 409),
    "missing file": (create_thread("hi", ("atc_missing",)), {}, 404),
    "turns of the minute": (create_thread("hi"), {"turns_per_minute": 1}, 429),
    "turns of the day": (create_thread("hi"), {"turns_per_day": 1}, 429),
    "tokens of the day": (create_thread("hi"), {"user_tokens_per_day": 1}, 429),
    "requests of the minute": (create_thread("hi"), {"requests_per_minute": 1}, 429),
    "store unavailable": (add_message("thr_broken", "hi"), {}, 503),
    "unknown action": (
        {"type": "threads.sync_custom_action", "params": {"thread_id": "thr_missing", "action": {"type": "a"}}},
        {},
        404,
    ),
    "no dictation": (DICTATION | {"params": {"audio_base64": "?", "mime_type": "audio/ogg"}}, {}, 400),
}


@pytest.mark.promise("H7")
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_refused_request_costs_other_users_nothing(
    world_of: WorldOf, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """Every outcome of admission against every counter that all users share."""
    request, limits, status = OUTCOMES[outcome]
    budgets = {"all_turns_per_day": 2, "all_tokens_per_day": 1_001, "all_turns_at_once": 1}
    world = world_of(Spending(), limits=LimitSettings(**budgets, **limits))
    turn = {"x-turn-id": "turn-0000001"}
    assert (await world.post(create_thread("hi"), **turn)).status_code == 200
    await lock(world, "thr_locked")
    load_thread = world.store.load_thread

    async def broken(thread_id: str, context: Any) -> Any:
        if thread_id == "thr_broken":
            raise StoreUnavailableError("GetItem", 8, "ThrottlingException")
        return await load_thread(thread_id, context)

    monkeypatch.setattr(world.store, "load_thread", broken)
    before = shared(world)

    repeat = {} if outcome != "repeated turn" else turn
    refused = [await world.post(request, **repeat) for _ in range(5)]

    assert {answer.status_code for answer in refused} == {status}
    assert shared(world) == before == {"all turns per day": 1, "all tokens per day": 1_000}
    assert world.store.access.leases == {}
    assert [seats for seats in world.store.access.seats.values() if seats] == []
    assert (await world.post(create_thread("hi"), "bob")).status_code == 200


@pytest.mark.promise("H7")
@pytest.mark.parametrize("limit", ["all_turns_per_day", "all_tokens_per_day", "all_turns_at_once"])
async def test_a_request_over_a_shared_budget_adds_nothing_to_another_one(world_of: WorldOf, limit: str) -> None:
    world = world_of(Spending(), limits=LimitSettings(**{limit: 1}))
    assert (await world.post(create_thread("hi"))).status_code == 200
    if limit == "all_turns_at_once":
        await world.store.access.lease(Seat("other", world.store.access.clock() + timedelta(minutes=1), 1))
    before = (shared(world), dict(world.store.access.leases))

    answers = [(await world.post(create_thread("hi"), "bob")).status_code for _ in range(3)]

    assert answers == [429] * 3
    assert (shared(world), world.store.access.leases) == before


def test_the_shared_budget_is_charged_last() -> None:
    """../shared/cases/security-02: with four turns a day, one user takes four of thirty, however often it tries."""

    async def attack() -> tuple[Counter[str], int | None]:
        rates = MemoryRates(lambda context: context.user_id, Clock())
        settings = LimitSettings(turns_per_minute=3, turns_per_day=4, all_turns_per_day=30)
        limits: Any = Limits(cast("Any", rates), settings)
        seen = Counter[str]()
        for _ in range(30):
            try:
                await limits.turn(request_context("mallory"))
                seen["let in"] += 1
            except TooManyRequestsError:
                seen["refused"] += 1
        await limits.turn(request_context("bob"))
        counted = [hits for (user, _, _), hits in rates.hits.items() if user is None]
        return seen, sum(counted)

    seen, counted = asyncio.run(attack())

    assert seen == {"let in": 4, "refused": 26}
    assert counted == 5


@pytest.mark.promise("H7")
def test_every_request_type_and_route_has_a_charge() -> None:
    unused: Any = None
    app = create_app(unused, unused)
    routes = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and depends_on(route.dependant, counted_user)
        for method in route.methods or ()
    }
    guarded = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and depends_on(route.dependant, current_user)
        for method in route.methods or ()
    }

    assert set(CHARGES) == request_types() | (routes - {PROTOCOL})
    assert routes == guarded
    assert {type_ for type_ in request_types() if CHARGES[type_] is TURN} == streaming_types()


def test_every_counter_has_its_settings() -> None:
    for charge in CHARGES.values():
        for window in ("minute", "day"):
            assert charge.counter is None or f"{charge.counter}_per_{window}" in LimitSettings.model_fields


@pytest.mark.parametrize(("reserved", "turns"), [(1, 1), (2, 1), (4, 3), (10, 8), (1000, 800)])
def test_a_fifth_of_the_reserved_processes_is_kept_free(reserved: int, turns: int) -> None:
    settings = settings_of(reserved_concurrency=reserved)

    assert settings.limits_in_effect.all_turns_at_once == turns
    assert settings_of().limits_in_effect.all_turns_at_once is None
    own = settings_of(reserved_concurrency=reserved, limits={"all_turns_at_once": 7})
    assert own.limits_in_effect.all_turns_at_once == 7
