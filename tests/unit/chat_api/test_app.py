"""HTTP routes: responses, errors, and that a rejected request stores nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from chatkit.types import ClosedStatus, LockedStatus, Page

from chat_api.app import create_app
from chat_api.dependencies import MAX_BODY_BYTES
from chat_api.request_checks import MAX_PAGE
from chat_api.telemetry import UNEXPECTED
from store_dynamo.errors import StoreUnavailableError
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World
from tools.client.chatkit import Event, add_message, create_thread, get_thread


def events(response: httpx.Response) -> list[Event]:
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: ")]


async def begin(world: World, user: str = "ana") -> str:
    """Start a conversation and return its id."""
    return events(await world.post(create_thread("hello"), user))[0]["thread"]["id"]


async def threads(world: World, user: str = "ana") -> list[Any]:
    return (await world.post({"type": "threads.list", "params": {}}, user)).json()["data"]


@pytest.mark.feature("endpoint")
async def test_health_needs_no_user(world: World) -> None:
    async with world.client(None) as client:
        response = await client.get("/chatkit")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.feature("endpoint")
async def test_turn_is_streamed_and_stored(world: World) -> None:
    stream = events(await world.post(create_thread("hello")))
    thread = (await world.post(get_thread(stream[0]["thread"]["id"]))).json()

    assert stream[0]["type"] == "thread.created"
    assert [item["content"][0]["text"] for item in thread["items"]["data"]] == ["hello", "You said: hello"]


@pytest.mark.promise("H1")
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic YTpi"}])
@pytest.mark.feature("user-identification")
async def test_nobody_gets_401_that_says_how(world: World, headers: dict[str, str]) -> None:
    response = await world.post(create_thread("hello"), None, **headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["message"]
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.promise("H1")
async def test_two_different_tokens_are_refused(world: World) -> None:
    response = await world.post(create_thread("hello"), "ana", authorization=f"Bearer {world.pool.token('bob')}")

    assert response.status_code == 401
    assert "two different" in response.json()["message"]


@pytest.mark.promise("H2")
@pytest.mark.feature("server-context")
async def test_assistant_gets_the_verified_user(world: World) -> None:
    await world.post(create_thread("hello"), "ana", **{"accept-language": "de-CH,de;q=0.9", "x-turn-id": "turn-12345"})

    context = world.assistant.turns[0].context
    assert (context.user_id, context.username, context.locale) == ("ana", "ana-name", "de-CH")
    assert context.turn_id == "turn-12345"


@pytest.mark.promise("H2")
async def test_assistants_store_is_bound_to_its_user(world: World) -> None:
    bobs = await begin(world, "bob")
    await begin(world, "ana")
    store = world.assistant.turns[-1].store

    page = await store.load_thread_items(bobs, None, 20, "asc", request_context("bob"))

    assert page.data == []


@pytest.mark.promise("H10")
async def test_turn_id_is_returned_or_made(world: World) -> None:
    given = await world.post(create_thread("a"), **{"x-turn-id": "turn-12345"})
    made = await world.post(create_thread("b"))
    bad = await world.post(create_thread("c"), **{"x-turn-id": "no spaces, please"})

    assert given.headers["x-turn-id"] == "turn-12345"
    assert len(made.headers["x-turn-id"]) > 20
    assert bad.status_code == 400


BAD = [
    (b"", "no body"),
    (b"{}", "type"),
    (b"{broken", "JSON"),
    (b'{"type": "threads.explode", "params": {}}', "must be one of"),
    (json.dumps(create_thread("   ")).encode(), "empty"),
    (json.dumps(create_thread("x" * 100_001)).encode(), "shorten"),
    (b'{"type": "threads.list", "params": {"limit": -1}}', "limit"),
    (b" " * (MAX_BODY_BYTES + 1), "larger than"),
]


@pytest.mark.promise("H3")
@pytest.mark.parametrize(("body", "why"), BAD, ids=[why for _, why in BAD])
async def test_bad_body_is_a_4xx_that_says_why_and_stores_nothing(world: World, body: bytes, why: str) -> None:
    async with world.client() as client:
        response = await client.post("/chatkit", content=body)

    assert 400 <= response.status_code < 500
    assert why in response.json()["message"]
    assert await threads(world) == []


def about(thread_id: str, item_id: str = "msg_none") -> list[Event]:
    """Return a request of every type that names a thread."""
    action = {"type": "x", "payload": {}}
    return [
        get_thread(thread_id),
        add_message(thread_id, "hello"),
        {"type": "threads.update", "params": {"thread_id": thread_id, "title": "mine now"}},
        {"type": "threads.retry_after_item", "params": {"thread_id": thread_id, "item_id": item_id}},
        {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": 1}},
        {"type": "threads.add_structured_input", "params": {"thread_id": thread_id, "item_id": item_id, "input": {}}},
        {"type": "threads.custom_action", "params": {"thread_id": thread_id, "item_id": item_id, "action": action}},
        {
            "type": "threads.sync_custom_action",
            "params": {"thread_id": thread_id, "item_id": item_id, "action": action},
        },
    ]


@pytest.mark.promise("S1")
@pytest.mark.promise("H3")
@pytest.mark.feature("isolation")
async def test_foreign_thread_is_as_unknown_as_a_missing_one(world: World) -> None:
    thread_id = await begin(world, "bob")
    for request in about(thread_id) + about("thr_missing"):
        response = await world.post(request, "ana")

        assert response.status_code == 404, request["type"]
        assert "not found" in response.json()["message"]
    assert len((await world.post(get_thread(thread_id), "bob")).json()["items"]["data"]) == 2


@pytest.mark.promise("H3")
async def test_item_of_another_kind_is_refused(world: World) -> None:
    thread_id = await begin(world)
    items = (await world.post(get_thread(thread_id))).json()["items"]["data"]
    for request in about(thread_id, items[1]["id"])[3:]:
        response = await world.post(request)

        assert response.status_code in (400, 409), request["type"]
    assert (await world.post(get_thread(thread_id))).json()["items"]["data"] == items


@pytest.mark.promise("H8")
@pytest.mark.parametrize("status", [LockedStatus(reason="a review"), ClosedStatus()])
@pytest.mark.feature("thread-status")
async def test_thread_that_is_not_active_takes_no_message(world: World, status: Any) -> None:
    thread_id = await begin(world)
    context = request_context("ana")
    thread = await world.store.load_thread(thread_id, context)
    thread.status = status
    await world.store.save_thread(thread, context)

    response = await world.post(add_message(thread_id, "hello?"))

    assert response.status_code == 409
    assert status.type in response.json()["message"]
    assert len((await world.post(get_thread(thread_id))).json()["items"]["data"]) == 2


@pytest.mark.promise("H3")
async def test_failure_after_admission_is_an_error_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise StoreUnavailableError("PutItem", 5, "ThrottlingException")

    monkeypatch.setattr(world.store, "save_thread", broken)

    stream = events(await world.post(create_thread("hello")))

    assert [event["type"] for event in stream] == ["error"]
    assert stream[0]["allow_retry"] is True
    assert "Throttling" not in json.dumps(stream)


async def test_store_that_does_not_answer_is_503_without_detail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise StoreUnavailableError("Query", 5, "ThrottlingException")

    monkeypatch.setattr(world.store, "load_threads", broken)

    response = await world.post({"type": "threads.list", "params": {}})

    assert response.status_code == 503
    assert "Throttling" not in response.text


async def test_unexpected_failure_is_500_without_detail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("table chat-prod-7 lost its mind")

    monkeypatch.setattr(world.store, "load_threads", broken)

    response = await world.post({"type": "threads.list", "params": {}})

    assert (response.status_code, response.json()["message"]) == (500, UNEXPECTED)
    assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_huge_page_is_capped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    async def empty_page(limit: int, *_: object) -> Page[Any]:
        limits.append(limit)
        return Page()

    monkeypatch.setattr(world.store, "load_threads", empty_page)

    await world.post({"type": "threads.list", "params": {"limit": 9999, "order": "desc"}})

    assert limits == [MAX_PAGE]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_other_methods_and_paths_are_refused_as_json(world: World, method: str) -> None:
    async with world.client() as client:
        other_method = await client.request(method, "/chatkit")
        elsewhere = await client.get("/elsewhere")

    assert (other_method.status_code, elsewhere.status_code) == (405, 404)
    assert other_method.headers["allow"] == "GET, HEAD, POST"
    assert {answer.headers["cache-control"] for answer in (other_method, elsewhere)} == {"no-store"}
    assert "method not allowed" in other_method.json()["message"]
    assert "POST /chatkit" in elsewhere.json()["message"]


async def test_no_request_is_sent_on_to_another_address(world: World) -> None:
    """Behind CloudFront a redirect would name the Function URL, and the browser would send the token there."""
    async with world.client() as client:
        answers = [await client.post("/chatkit/", json={}), await client.get("/chatkit/attachments/")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert all("location" not in answer.headers for answer in answers)


@pytest.mark.feature("cors")
async def test_no_cors_headers_unless_origins_are_set(world: World) -> None:
    preflight = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,chatkit-frame-instance-id,chatkit-session-id,x-auth-token",
    }
    async with world.client(None) as client:
        plain = await client.options("/chatkit", headers=preflight)
    opened = create_app(world.server, world.verifier, ["https://app.example"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=opened), base_url="http://test") as client:
        allowed = await client.options("/chatkit", headers=preflight)
        stranger = await client.options("/chatkit", headers={**preflight, "origin": "https://evil.example"})
        read = await client.get("/chatkit", headers={"origin": "https://app.example"})

    assert "access-control-allow-origin" not in plain.headers
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in stranger.headers
    exposed = {"retry-after", "x-request-id", "x-turn-id", "x-turn-interrupted", "x-turns-running"}
    assert set(read.headers["access-control-expose-headers"].split(", ")) == exposed
