"""All 16 request types of ChatKit, each with its complete response, and the rejected variants."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from chatkit.types import ChatKitReq

from chat_api.request_checks import MAX_AUDIO_BYTES
from chat_api.settings import LimitSettings
from chat_api.turn import Timing
from store_dynamo.feedback import Rating
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.everything import Everything
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import Event, add_message, create_thread, get_thread
from tools.local.files import PNG

ANSWER = ["thread.item.added", "thread.item.updated", "thread.item.updated", "thread.item.done"]
AUDIO = base64.b64encode(b"OggS").decode()
REQUEST_TYPES = {member.model_fields["type"].default for member in get_args(get_args(ChatKitReq)[0])}


def request_of(type_: str, **params: Any) -> Event:
    return {"type": type_, "params": params}


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    assistant = Everything()
    assistant.title_given = None
    return world_of(assistant)


async def begin(world: World, words: str) -> tuple[str, Event]:
    """Start a conversation; return its id and its last item."""
    stream = events(await world.post(create_thread(words)))
    thread_id = stream[0]["thread"]["id"]
    return thread_id, (await items(world, thread_id))[-1]


async def items(world: World, thread_id: str) -> list[Event]:
    page = await world.post(request_of("items.list", thread_id=thread_id, order="asc"))
    return page.json()["data"]


def types(stream: list[Event]) -> list[str]:
    return [event["type"] for event in stream]


class TestStreaming:
    @pytest.mark.feature("threads.create")
    async def test_threads_create(self, world: World) -> None:
        stream = events(await world.post(request_of("threads.create", **create_thread("hello")["params"])))

        assert types(stream) == ["thread.created", "thread.item.done", "stream_options", *ANSWER]
        assert stream[1]["item"]["type"] == "user_message"
        assert stream[2]["stream_options"] == {"allow_cancel": True}

    @pytest.mark.feature("threads.add_user_message")
    async def test_threads_add_user_message(self, world: World) -> None:
        thread_id, _ = await begin(world, "hello")

        stream = events(
            await world.post(request_of("threads.add_user_message", **add_message(thread_id, "b")["params"]))
        )

        assert types(stream) == ["thread.item.done", "stream_options", *ANSWER]

    @pytest.mark.feature("threads.add_client_tool_output")
    async def test_threads_add_client_tool_output(self, world: World) -> None:
        thread_id, call = await begin(world, "tool")
        request = request_of("threads.add_client_tool_output", thread_id=thread_id, result={"opened": True})

        stream = events(await world.post(request))
        again = await world.post(request)

        stored = await items(world, thread_id)
        assert (call["type"], call["status"]) == ("client_tool_call", "pending")
        assert types(stream) == ["stream_options", *ANSWER]
        assert (stored[1]["status"], stored[1]["output"]) == ("completed", {"opened": True})
        assert again.status_code == 409

    @pytest.mark.feature("threads.add_structured_input")
    async def test_threads_add_structured_input(self, world: World) -> None:
        thread_id, form = await begin(world, "form")
        answers = {"answers": {"q": {"values": ["a house"]}}}
        request = request_of("threads.add_structured_input", thread_id=thread_id, item_id=form["id"], input=answers)

        stream = events(await world.post(request))
        again = await world.post(request)

        assert types(stream) == ["stream_options", "thread.item.replaced", *ANSWER]
        assert stream[1]["item"]["inputs"][0]["answer"]["values"] == ["a house"]
        assert (await items(world, thread_id))[1]["status"] == "answered"
        assert again.status_code == 409

    @pytest.mark.feature("threads.retry_after_item")
    async def test_threads_retry_after_item(self, world: World) -> None:
        thread_id, _ = await begin(world, "hello")
        question, old = await items(world, thread_id)
        request = request_of("threads.retry_after_item", thread_id=thread_id, item_id=question["id"])

        stream = events(await world.post(request))

        stored = await items(world, thread_id)
        assert types(stream) == ["stream_options", *ANSWER]
        assert [item["type"] for item in stored] == ["user_message", "assistant_message"]
        assert stored[1]["id"] != old["id"]

    @pytest.mark.feature("threads.custom_action")
    async def test_threads_custom_action(self, world: World) -> None:
        thread_id, widget = await begin(world, "widget")
        action = {"type": "set", "payload": {"amount": 5}}
        request = request_of("threads.custom_action", thread_id=thread_id, item_id=widget["id"], action=action)

        stream = events(await world.post(request))

        assert types(stream) == ["stream_options", "thread.item.replaced", *ANSWER]
        assert "'amount': 5" in (await items(world, thread_id))[1]["widget"]["children"][0]["value"]

    @pytest.mark.parametrize("kind", ["threads.custom_action", "threads.sync_custom_action"])
    async def test_the_pages_own_actions_do_not_reach_an_assistant(self, world: World, kind: str) -> None:
        thread_id, widget = await begin(world, "widget")
        action = {"type": "turn.attach", "payload": {"turn_id": "turn-0000001"}}
        request = request_of(kind, thread_id=thread_id, item_id=widget["id"], action=action)

        refused = await world.post(request)

        assert refused.status_code == 400
        assert "page's own" in refused.json()["message"]
        assert await items(world, thread_id) == [*(await items(world, thread_id))[:1], widget]

    @pytest.mark.parametrize("kind", ["threads.custom_action", "threads.sync_custom_action"])
    async def test_an_action_without_a_name_is_refused(self, world: World, kind: str) -> None:
        thread_id, widget = await begin(world, "widget")
        request = request_of(kind, thread_id=thread_id, item_id=widget["id"], action={"payload": {}})

        refused = await world.post(request)

        assert refused.status_code == 400
        assert refused.json()["message"].startswith("params.action.type")

    @pytest.mark.feature("hidden-context")
    @pytest.mark.feature("client-effects")
    async def test_effects_reach_the_client_and_hidden_items_do_not(self, world: World) -> None:
        stream = events(await world.post(create_thread("effects")))

        assert types(stream)[3:] == ["progress_update", "client_effect", "notice"]
        assert len(await items(world, stream[0]["thread"]["id"])) == 1

    async def test_failure_that_is_explained(self, world: World) -> None:
        response = await world.post(create_thread("fail"))
        stream = events(response)

        error = {"type": "error", "code": "custom", "message": "the model is busy", "allow_retry": True}
        assert stream[-1] == {**error, "request_id": response.headers["x-request-id"]}
        assert (world.metrics[0].outcome, world.metrics[0].error) == ("failed", "CustomStreamError")

    @pytest.mark.promise("H3")
    async def test_failure_that_is_not(self, world: World) -> None:
        response = await world.post(create_thread("crash"))

        error = {"type": "error", "code": "stream.error", "allow_retry": True}
        assert events(response)[-1] == {**error, "request_id": response.headers["x-request-id"]}
        assert "secret" not in response.text
        assert (world.metrics[0].outcome, world.metrics[0].error) == ("failed", "RuntimeError")


class TestJson:
    @pytest.mark.feature("threads.get_by_id")
    @pytest.mark.feature("threads.list")
    @pytest.mark.feature("threads.update")
    @pytest.mark.feature("threads.delete")
    async def test_threads_get_by_id_list_update_delete(self, world: World) -> None:
        thread_id, _ = await begin(world, "hello")

        renamed = await world.post(request_of("threads.update", thread_id=thread_id, title="mine"))
        found = await world.post(request_of("threads.get_by_id", thread_id=thread_id))
        listed = await world.post(request_of("threads.list", limit=9999, order="desc"))
        deleted = await world.post(request_of("threads.delete", thread_id=thread_id))
        gone = await world.post(get_thread(thread_id))

        assert (renamed.json()["title"], found.json()["title"]) == ("mine", "mine")
        assert len(found.json()["items"]["data"]) == 2
        assert [thread["id"] for thread in listed.json()["data"]] == [thread_id]
        assert (deleted.json(), gone.status_code) == ({}, 404)

    @pytest.mark.feature("items.list")
    async def test_items_list_pages(self, world: World) -> None:
        thread_id, _ = await begin(world, "hello")

        first = (await world.post(request_of("items.list", thread_id=thread_id, limit=1, order="desc"))).json()
        rest = (
            await world.post(request_of("items.list", thread_id=thread_id, after=first["after"], order="desc"))
        ).json()

        assert (first["has_more"], rest["has_more"]) == (True, False)
        assert [item["type"] for item in first["data"] + rest["data"]] == ["assistant_message", "user_message"]

    @pytest.mark.promise("H8")
    @pytest.mark.feature("items.feedback")
    async def test_items_feedback(self, world: World) -> None:
        thread_id, answer = await begin(world, "hello")

        def feedback(kind: str, item_id: str) -> Event:
            return request_of("items.feedback", thread_id=thread_id, item_ids=[item_id], kind=kind)

        given = await world.post(feedback("positive", answer["id"]))
        foreign = await world.post(feedback("negative", answer["id"]), "bob")
        unknown = await world.post(feedback("negative", "msg_none"))

        assert (given.status_code, given.json()) == (200, {})
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert world.store.feedback.given == {(thread_id, answer["id"]): Rating("positive")}

    @pytest.mark.feature("attachments.create")
    @pytest.mark.feature("attachments.delete")
    async def test_attachments_create_and_delete(self, world: World) -> None:
        file = {"name": "a.png", "mime_type": "image/png", "size": len(PNG)}

        created = (await world.post(request_of("attachments.create", **file))).json()
        deleted = await world.post(request_of("attachments.delete", attachment_id=created["id"]))

        assert created["upload_descriptor"]["method"] == "PUT"
        assert deleted.json() == {}

    @pytest.mark.feature("input.transcribe")
    async def test_input_transcribe(self, world: World) -> None:
        request = request_of("input.transcribe", audio_base64=AUDIO, mime_type="audio/ogg;codecs=opus")

        assert (await world.post(request)).json() == {"text": "audio/ogg OggS"}

    @pytest.mark.parametrize(
        ("audio", "mime_type", "status"),
        [
            (AUDIO, "audio/wav", 400),
            ("not base64!", "audio/ogg", 400),
            ("ünïcödé", "audio/ogg", 400),
            ("", "audio/ogg", 400),
            (base64.b64encode(bytes(MAX_AUDIO_BYTES + 1)).decode(), "audio/ogg", 413),
        ],
    )
    async def test_what_is_no_dictation_is_refused(self, world: World, audio: str, mime_type: str, status: int) -> None:
        refused = await world.post(request_of("input.transcribe", audio_base64=audio, mime_type=mime_type))

        assert refused.status_code == status
        assert refused.json()["message"]

    @pytest.mark.feature("threads.sync_custom_action")
    async def test_threads_sync_custom_action(self, world: World) -> None:
        thread_id, widget = await begin(world, "widget")

        def act(kind: str) -> Event:
            action = {"type": kind, "payload": {}}
            return request_of("threads.sync_custom_action", thread_id=thread_id, item_id=widget["id"], action=action)

        done = await world.post(act("look"))
        failed = await world.post(act("fail"))

        assert done.json()["updated_item"]["id"] == widget["id"]
        assert (failed.status_code, failed.json()["message"]) == (502, "not now")

    def test_every_request_type_is_sent_by_a_test_of_this_file(self) -> None:
        sent = re.findall(r'request_of\(\s*"([\w.]+)"', Path(__file__).read_text())

        assert len(REQUEST_TYPES) == 16
        assert set(sent) == REQUEST_TYPES


class TestWhatTheAssistantCannotDo:
    async def test_actions_dictation_and_mentions_are_refused(self, world_of: Callable[..., World]) -> None:
        class Silent:
            respond = Everything.respond
            _answer = Everything._answer

            def __init__(self) -> None:
                self.turns: list[Any] = []

        world = world_of(Silent())
        thread_id, widget = await begin(world, "widget")
        action = {"thread_id": thread_id, "item_id": widget["id"], "action": {"type": "x", "payload": {}}}
        refused = [
            await world.post({"type": "threads.custom_action", "params": action}),
            await world.post({"type": "threads.sync_custom_action", "params": action}),
            await world.post({"type": "input.transcribe", "params": {"audio_base64": AUDIO, "mime_type": "audio/ogg"}}),
        ]
        async with world.client() as client:
            mentions = await client.get("/chatkit/entities")
            overview = await client.get("/chatkit/overview")
            composer = (await client.get("/chatkit/composer")).json()

        assert [answer.status_code for answer in refused] == [400, 400, 400]
        assert (mentions.status_code, overview.status_code) == (404, 404)
        assert overview.json()["message"] == "this assistant has no overview"
        assert composer.pop("attachments")["enabled"] is True
        assert composer == {"models": [], "tools": [], "dictation": False, "mentions": False}

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({}, 200),
            ({"model": "large", "tool_choice": {"id": "search"}}, 200),
            ({"model": "huge"}, 400),
            ({"tool_choice": {"id": "shell"}}, 400),
        ],
    )
    @pytest.mark.promise("H3")
    @pytest.mark.feature("inference-options")
    async def test_only_offered_models_and_tools_may_be_chosen(self, world: World, options: Event, status: int) -> None:
        request = create_thread("hello")
        request["params"]["input"]["inference_options"] = options

        answer = await world.post(request)

        assert answer.status_code == status
        assert status == 200 or "small" in answer.json()["message"] or "search" in answer.json()["message"]

    async def test_assistant_without_a_choice_offers_none(self, world_of: Callable[..., World]) -> None:
        world = world_of(Echo())
        request = create_thread("hello")
        request["params"]["input"]["inference_options"] = {"model": "large"}

        assert (await world.post(request)).status_code == 400


class TestMentions:
    @pytest.mark.feature("mentions")
    async def test_entities_are_the_users(self, world: World) -> None:
        async with world.client("ana") as client:
            answer = await client.get("/chatkit/entities", params={"q": "gro"})
        async with world.client(None) as client:
            nobody = await client.get("/chatkit/entities", params={"q": "gro"})

        assert answer.json() == [{"id": "ana", "title": "gro"}]
        assert nobody.status_code == 401


class TestTheComposer:
    @pytest.mark.feature("composer")
    async def test_shows_what_the_assistant_offers_and_the_policy_allows(self, world: World) -> None:
        async with world.client("ana") as client:
            composer = (await client.get("/chatkit/composer")).json()
            policy = (await client.get("/chatkit/attachments")).json()

        assert composer == {
            "models": [{"id": "small", "label": "Small"}, {"id": "large", "label": "Large"}],
            "tools": [{"id": "search", "label": "Search", "icon": "search"}],
            "dictation": True,
            "mentions": True,
            "attachments": policy,
        }

    @pytest.mark.promise("H1")
    async def test_is_for_users(self, world: World) -> None:
        async with world.client(None) as client:
            assert (await client.get("/chatkit/composer")).status_code == 401


class TestTheOverview:
    @pytest.mark.feature("overview")
    async def test_is_the_users_own(self, world: World) -> None:
        async with world.client("ana") as client:
            answer = await client.get("/chatkit/overview")

        assert answer.json() == {"user": "ana"}
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.promise("H1")
    async def test_is_for_users(self, world: World) -> None:
        async with world.client(None) as client:
            assert (await client.get("/chatkit/overview")).status_code == 401

    @pytest.mark.promise("H2")
    @pytest.mark.feature("panel-changes")
    async def test_is_changed_by_its_user(self, world: World, world_of: Callable[..., World]) -> None:
        change = {"type": "budget.set", "cents": 40_000}
        async with world.client("ana") as client:
            changed = await client.post("/chatkit/overview", json=change)
            refused = [
                await client.post("/chatkit/overview", content=content)
                for content in (b"", b"[]", b"{", json.dumps({"type": "x" * 3_000}).encode())
            ]
        async with world.client(None) as client:
            anonymous = await client.post("/chatkit/overview", json=change)
        async with world_of(Echo()).client("ana") as client:
            unsupported = await client.post("/chatkit/overview", json=change)

        assert (changed.status_code, changed.json()) == (200, {"user": "ana", "changed": change})
        assert [answer.status_code for answer in refused] == [400, 400, 400, 413]
        assert (anonymous.status_code, unsupported.status_code) == (401, 404)

    async def test_says_what_the_assistant_says_when_it_fails(self, world: World) -> None:
        async with world.client("unlucky") as client:
            answer = await client.get("/chatkit/overview")

        assert (answer.status_code, answer.json()["message"]) == (502, "no money today")


class TestTitles:
    @pytest.fixture
    def assistant(self, world: World) -> Everything:
        world.assistant.title_given = "A title"
        return world.assistant

    @pytest.mark.promise("S12")
    @pytest.mark.feature("titles")
    async def test_title_shows_without_reload(self, world: World, assistant: Everything) -> None:
        stream = events(await world.post(create_thread("hello")))

        updated = [event["thread"]["title"] for event in stream if event["type"] == "thread.updated"]
        found = (await world.post(get_thread(stream[0]["thread"]["id"]))).json()
        assert updated == ["A title"]
        assert found["title"] == "A title"

    @pytest.mark.promise("S12")
    async def test_users_own_title_stays(self, world: World, assistant: Everything) -> None:
        assistant.may_title.clear()
        turn = Exchange(world.app, create_thread("hello"), {"x-auth-token": world.pool.token("ana")})
        created = await turn.event("thread.created")
        assert created is not None
        thread_id = created["thread"]["id"]
        await world.post(request_of("threads.update", thread_id=thread_id, title="My own"))
        assistant.may_title.set()
        stream = await turn.rest()

        found = (await world.post(get_thread(thread_id))).json()
        assert found["title"] == "My own"
        assert "A title" not in str(stream)

    async def test_titled_thread_is_not_titled_again(self, world: World, assistant: Everything) -> None:
        thread_id, _ = await begin(world, "hello")
        assistant.title_given = "Another"

        stream = events(await world.post(add_message(thread_id, "and?")))

        assert "thread.updated" not in types(stream)

    async def test_answer_does_not_wait_for_a_slow_title(self, world_of: Callable[..., World]) -> None:
        assistant = Everything()
        assistant.may_title.clear()
        world = world_of(assistant, timing=Timing(title_wait=0.01))

        stream = events(await world.post(create_thread("hello")))

        assert types(stream)[-1] == "thread.item.done"

    async def test_failing_title_is_no_failing_turn(self, world: World, assistant: Everything) -> None:
        assistant.title_given = "fail"

        stream = events(await world.post(create_thread("hello")))

        assert types(stream)[-1] == "thread.item.done"
        assert world.metrics[0].outcome == "answered"


class TestReports:
    """Errors of the page in the operator's log."""

    @pytest.mark.promise("H9")
    @pytest.mark.feature("page-reports")
    async def test_an_error_is_logged_without_its_text(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        report = {"kind": "error", "name": "StreamError", "fingerprint": "0123abcd", "message": "I earn 9,000"}
        with caplog.at_level("INFO"):
            async with world.client("ana") as client:
                answer = await client.post("/chatkit/reports", json=report)

        (logged,) = [record for record in caplog.records if record.message == "the page reports"]
        assert answer.status_code == 202
        assert (logged.levelname, vars(logged)["page_name"], vars(logged)["page_fingerprint"]) == (
            "WARNING",
            "StreamError",
            "0123abcd",
        )
        assert "9,000" not in str(vars(logged))

    @pytest.mark.promise("H9")
    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "secret"},
            {"name": "I earn 9,000"},
            {"name": "x" * 65},
            {"name": "a\n"},
            {"name": None},
            {"fingerprint": "I earn 9"},
        ],
    )
    async def test_text_in_a_field_is_refused(
        self, world: World, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
    ) -> None:
        report = {"kind": "error", "name": "StreamError", "fingerprint": "0123abcd"} | change
        async with world.client("ana") as client:
            answer = await client.post("/chatkit/reports", json=report)

        assert answer.status_code == 400
        assert "earn" not in answer.text + caplog.text

    @pytest.mark.promise("H7")
    async def test_a_user_reports_few(self, world_of: Callable[..., World]) -> None:
        report = {"kind": "error", "name": "StreamError", "fingerprint": "0123abcd"}
        async with world_of(Echo(), limits=LimitSettings(reports_per_minute=2)).client("ana") as client:
            answers = [(await client.post("/chatkit/reports", json=report)).status_code for _ in range(4)]

        assert answers == [202, 202, 429, 429]
