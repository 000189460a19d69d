"""Files in a plain ChatKitServer: verified before the message is stored, and readable by the model afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

import pytest
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ChatKitReq,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from pydantic import BaseModel

from attachments_s3 import ModelInput, RefusedError, S3AttachmentStore, VerifiedAttachments
from attachments_s3.keys import file_key, pending_key
from attachments_s3.store import Action
from tests.contracts.attachments import ANN, BOB, BUCKET, User, World, png
from tests.fakes.memory_store import MemoryStore
from tests.fakes.plain_store import PlainStore

pytestmark = pytest.mark.promise("B3")

TEXT = b"the secret word is heliotrope"


@dataclass
class Site:
    """A plain ChatKitServer on moto's bucket, and the model input of its turns."""

    world: World
    store: Any
    seen: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen, files = self.seen, self.world.store

        class Server(VerifiedAttachments[User], ChatKitServer[User]):
            async def respond(
                self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: User
            ) -> AsyncIterator[ThreadStreamEvent]:
                assert input_user_message
                model_input = ModelInput(files, context)
                seen.extend([await model_input.part(each) for each in input_user_message.attachments])
                yield ThreadItemDoneEvent(item=answer(self.store, thread, context))

        self.server = Server(self.store, attachment_store=files)

    async def send(self, type_: str, params: dict[str, Any], user: User = ANN) -> Any:
        """Send one request; return the JSON, or the list of the stream's events."""
        result = await self.server.process(json.dumps({"type": type_, "params": params}), user)
        if isinstance(result, StreamingResult):
            return [json.loads(event.removeprefix(b"data: ")) async for event in result]
        return json.loads(result.json)

    async def declared(self, data: bytes = TEXT, user: User = ANN, **other: Any) -> dict[str, Any]:
        params = {"name": "a.txt", "size": len(data), "mime_type": "text/plain", **other}
        return await self.send("attachments.create", params, user)

    async def uploaded(self, data: bytes = TEXT, user: User = ANN, **other: Any) -> str:
        """Return the id of a file that was declared and whose bytes are in the bucket."""
        attachment = await self.declared(data, user, **other)
        descriptor = attachment["upload_descriptor"]
        assert self.world.send("PUT", descriptor["url"], descriptor["headers"], data) == 200
        return attachment["id"]

    async def say(self, *files: str, user: User = ANN, thread_id: str | None = None) -> list[Any]:
        """Send a message with these files, in a new thread or in `thread_id`."""
        content = [{"type": "input_text", "text": "look"}]
        params = {"input": {"content": content, "attachments": files, "inference_options": {}}}
        if thread_id:
            return await self.send("threads.add_user_message", {**params, "thread_id": thread_id}, user)
        return await self.send("threads.create", params, user)

    async def threads(self, user: User = ANN) -> int:
        return len((await self.send("threads.list", {}, user))["data"])


def answer(store: Store[User], thread: ThreadMetadata, context: User) -> AssistantMessageItem:
    return AssistantMessageItem(
        id=store.generate_item_id("message", thread, context),
        thread_id=thread.id,
        created_at=datetime.now(),
        content=[AssistantMessageContent(text="done")],
    )


def hooked(files: S3AttachmentStore[User]) -> MemoryStore[User]:
    return MemoryStore[User](after_read=files.sign_urls, before_write=files.strip_urls)


@pytest.fixture(params=[lambda _: PlainStore(), hooked], ids=["plain-store", "store-with-claims"])
def site(request: pytest.FixtureRequest, world: World) -> Site:
    return Site(world, request.param(world.store))


async def test_file_reaches_the_model(site: Site) -> None:
    file_id = await site.uploaded()

    events = await site.say(file_id)

    assert "heliotrope" in site.seen[0]["text"]
    assert "error" not in [event["type"] for event in events]
    assert site.world.objects() == {file_key("ann", file_id)}


async def test_file_of_a_second_message_reaches_the_model(site: Site) -> None:
    thread_id = (await site.say())[0]["thread"]["id"]

    await site.say(await site.uploaded(), thread_id=thread_id)

    assert "heliotrope" in site.seen[0]["text"]


async def unknown(site: Site) -> str:
    return "atc_unknown"


async def invalid(site: Site) -> str:
    return "x" * 500


async def never_uploaded(site: Site) -> str:
    return (await site.declared())["id"]


async def longer(site: Site) -> str:
    attachment = await site.declared()
    site.world.owner.put_object(
        Bucket=BUCKET, Key=pending_key("ann", attachment["id"]), Body=TEXT + b"!", ContentType="text/plain"
    )
    return attachment["id"]


async def another_content(site: Site) -> str:
    return await site.uploaded(name="a.png", mime_type="image/png")


async def foreign(site: Site) -> str:
    return await site.uploaded(user=BOB)


async def sent(site: Site) -> str:
    file_id = await site.uploaded()
    await site.say(file_id)
    return file_id


async def sent_by_another_user(site: Site) -> str:
    file_id = await site.uploaded(user=BOB)
    await site.say(file_id, user=BOB)
    return file_id


REFUSED: dict[Callable[[Site], Any], set[str]] = {
    unknown: {"unknown"},
    invalid: {"invalid_id"},
    never_uploaded: {"not_uploaded"},
    longer: {"upload_mismatch"},
    another_content: {"content_mismatch"},
    foreign: {"unknown", "not_uploaded"},  # a store whose ids are global finds the record, but S3 not the object
    sent: {"claimed"},
    sent_by_another_user: {"unknown", "claimed"},
}


@pytest.mark.parametrize("case", REFUSED)
async def test_message_with_a_bad_file_is_refused_and_stores_nothing(site: Site, case: Callable[[Site], Any]) -> None:
    bad, good = await case(site), await site.uploaded()
    threads, objects = await site.threads(), site.world.objects()

    with pytest.raises(RefusedError) as refused:
        await site.say(good, bad)

    assert refused.value.code in REFUSED[case]
    refusals = [event.reason for event in site.world.events if event.action is Action.REFUSED]
    assert refusals == [refused.value.code]  # for every reason, and once
    assert await site.threads() == threads
    assert site.world.objects() == objects  # the good file was not moved either
    assert "error" not in [event["type"] for event in await site.say(good)]


async def test_same_file_twice_in_one_message_is_refused(site: Site) -> None:
    file_id = await site.uploaded()

    with pytest.raises(RefusedError) as refused:
        await site.say(file_id, file_id)

    assert refused.value.code == "repeated"
    assert [event.reason for event in site.world.events if event.action is Action.REFUSED] == ["repeated"]


async def test_too_many_files_are_refused(site: Site) -> None:
    with pytest.raises(RefusedError) as refused:
        await site.say(*(f"atc_{number}" for number in range(11)))

    assert refused.value.code == "too_many"
    assert [event.reason for event in site.world.events if event.action is Action.REFUSED] == ["too_many"]


async def test_file_is_free_again_when_its_thread_does_not_exist(site: Site) -> None:
    file_id = await site.uploaded()

    with pytest.raises(NotFoundError):
        await site.say(file_id, thread_id="thr_unknown")

    await site.say(file_id)
    assert "heliotrope" in site.seen[0]["text"]


async def test_file_is_free_again_when_its_message_was_not_stored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = await site.uploaded()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(site.store, "add_thread_item", broken)
        with pytest.raises(RuntimeError, match="lost"):
            await site.say(file_id)

    await site.say(file_id)
    assert "heliotrope" in site.seen[0]["text"]


async def test_file_is_free_again_when_the_server_refuses_the_request(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's own check may raise after the files were admitted, before there is a stream."""
    file_id = await site.uploaded()

    async def refuse(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(ChatKitServer, "process", refuse)
        with pytest.raises(PermissionError):
            await site.say(file_id)
    await site.say(file_id)

    assert "heliotrope" in site.seen[0]["text"]


async def test_file_of_a_stored_message_stays_taken_when_the_answer_fails(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await site.uploaded()

    async def broken(*_: object) -> Any:
        raise RuntimeError("no model")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(site.server, "respond", broken)
        events = await site.say(file_id)

    assert events[-1]["type"] == "error"
    with pytest.raises(RefusedError) as refused:
        await site.say(file_id)
    assert refused.value.code == "claimed"


async def test_file_of_a_message_is_not_deleted_alone(site: Site) -> None:
    linked, unsent = await site.uploaded(), await site.uploaded()
    await site.say(linked)

    with pytest.raises(RefusedError) as refused:
        await site.send("attachments.delete", {"attachment_id": linked})
    await site.send("attachments.delete", {"attachment_id": unsent})
    await site.send("attachments.delete", {"attachment_id": "atc_unknown"})

    assert refused.value.code == "linked"
    assert site.world.objects() == {file_key("ann", linked)}


async def test_server_with_another_attachment_store_is_refused(world: World) -> None:
    site = Site(world, PlainStore())
    site.server.attachment_store = None

    with pytest.raises(TypeError, match="S3AttachmentStore"):
        await site.say()


async def test_image_reaches_the_model(site: Site) -> None:
    await site.say(await site.uploaded(png(), name="a.png", mime_type="image/png"))

    assert site.seen[0]["type"] == "input_image"


def test_every_request_that_names_attachments_is_known() -> None:
    """A new version of ChatKit may add a request that carries attachment ids; it must not pass unchecked."""
    requests: tuple[type[BaseModel], ...] = get_args(get_args(ChatKitReq)[0])

    named = {each.model_fields["type"].default for each in requests if "attachment_id" in _fields(each)}
    carrying = {each.model_fields["type"].default for each in requests if "attachments" in _fields(each)}

    assert named == {"attachments.delete"}
    assert carrying == {"threads.create", "threads.add_user_message"}


def _fields(model: type[BaseModel]) -> set[str]:
    """Return the names of the fields of a model and of the models in it."""
    model.model_rebuild()
    nested = [
        kind
        for info in model.model_fields.values()
        for kind in (info.annotation, *get_args(info.annotation))
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    ]
    return set(model.model_fields).union(*map(_fields, nested))
