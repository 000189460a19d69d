"""Responses from the store alone equal those of ChatKit's own server, byte by byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from chatkit.server import ChatKitServer, NonStreamingResult
from chatkit.types import (
    ChatKitReq,
    FeedbackKind,
    HiddenContextItem,
    InputTranscribeReq,
    NonStreamingReq,
    Page,
    ThreadMetadata,
    ThreadsSyncCustomActionReq,
    ThreadStreamEvent,
    UserMessageItem,
)
from pydantic import TypeAdapter

from chat_api.context import RequestContext
from chat_api.store_answers import StoreRequest
from store_dynamo import ActivePage
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World
from tools.client.chatkit import create_thread


class Plain(ChatKitServer[RequestContext]):
    """ChatKit's own server on the same store."""

    def __init__(self, world: World) -> None:
        super().__init__(world.store, world.files)
        self._feedback = world.store.feedback

    def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        raise NotImplementedError

    async def add_feedback(
        self, thread_id: str, item_ids: list[str], feedback: FeedbackKind, context: RequestContext
    ) -> None:
        await self._feedback.put(thread_id, item_ids, feedback, context)


async def conversation(world: World) -> tuple[str, str]:
    """Store a thread with a title, metadata, two visible items and a hidden one; return its id and an item's."""
    created = await world.post(create_thread("hello"), "ana")
    thread_id = json.loads(created.text.split("\n\n")[0].removeprefix("data: "))["thread"]["id"]
    context = request_context("ana")
    thread = await world.store.load_thread(thread_id, context)
    thread.title, thread.metadata = "Zoë's money", {"secret": 1}
    await world.store.save_thread(thread, context)
    hidden = HiddenContextItem(id="hidden-1", thread_id=thread_id, created_at=datetime.now(), content="not shown")
    await world.store.add_thread_item(thread_id, hidden, context)
    items = await world.store.load_thread_items(thread_id, None, 10, "asc", context)
    return thread_id, items.data[1].id


def requests(thread_id: str, item_id: str) -> list[dict[str, Any]]:
    ids = {"thread_id": thread_id}
    return [
        {"type": "threads.get_by_id", "params": ids},
        {"type": "threads.list", "params": {}},
        {"type": "threads.list", "params": {"limit": 1, "order": "asc"}},
        {"type": "items.list", "params": ids},
        {"type": "items.list", "params": {**ids, "limit": 1, "order": "desc"}},
        {"type": "threads.update", "params": {**ids, "title": "another"}},
        {"type": "items.feedback", "params": {**ids, "item_ids": [item_id], "kind": "positive"}},
        {"type": "attachments.delete", "params": {"attachment_id": "atc_none"}},
        {"type": "threads.delete", "params": ids},
    ]


@pytest.mark.promise("H3")
async def test_every_answer_is_chatkits_own(world: World) -> None:
    plain, context = Plain(world), request_context("ana")
    await conversation(world)
    thread_id, item_id = await conversation(world)

    for request in requests(thread_id, item_id):
        theirs = await plain.process(json.dumps(request), context)
        ours = await world.post(request, "ana")

        assert isinstance(theirs, NonStreamingResult)
        assert (ours.status_code, ours.content) == (200, theirs.json), request["type"]


async def test_a_registered_file_is_told_as_chatkit_tells_it(world: World) -> None:
    request = {"type": "attachments.create", "params": {"name": "a.png", "mime_type": "image/png", "size": 100}}

    theirs = await Plain(world).process(json.dumps(request), request_context("ana"))
    ours = await world.post(request, "ana")

    assert isinstance(theirs, NonStreamingResult)
    shapes = [_shape(json.loads(answer)) for answer in (theirs.json, ours.content)]
    assert shapes[0] == shapes[1]


def test_no_request_type_is_forgotten() -> None:
    """A request type that a new ChatKit adds must be assigned either to `StoreRequest` or to ChatKit's server."""
    assert {*get_args(StoreRequest), InputTranscribeReq, ThreadsSyncCustomActionReq} == {*get_args(NonStreamingReq)}


def test_the_requests_above_are_all_of_them() -> None:
    parsed = {type(TypeAdapter[Any](ChatKitReq).validate_python(one)) for one in requests("t", "i")}

    assert {one.__name__ for one in get_args(StoreRequest)} - {one.__name__ for one in parsed} == {
        "AttachmentsCreateReq"
    }


def _shape(value: Any) -> Any:
    """Return the structure of a document; its values contain ids and signatures."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    return type(value).__name__


async def test_times_of_the_last_items_reach_the_client(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    thread_id, _ = await conversation(world)
    load = world.store.load_threads

    async def by_activity(*arguments: Any) -> Page[ThreadMetadata]:
        page = await load(*arguments)
        return ActivePage(data=page.data, last_activity={thread_id: datetime(2026, 11, 28, 10, tzinfo=UTC)})

    monkeypatch.setattr(world.store, "load_threads", by_activity)

    listed = (await world.post({"type": "threads.list", "params": {}}, "ana")).json()["data"]

    assert [thread["last_activity_at"] for thread in listed] == ["2026-11-28T10:00:00Z"]
