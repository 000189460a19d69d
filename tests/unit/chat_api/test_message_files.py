"""A3: a message takes all its files or none; a rejected message leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.chat_api.conftest import BUCKET, World
from tests.unit.chat_api.test_app import begin, events, threads
from tools.client.chatkit import Event, create_thread, get_thread
from tools.local.files import PDF, PNG

pytestmark = pytest.mark.promise("A3")


async def register(
    world: World, user: str = "ana", name: str = "a.png", mime: str = "image/png", size: int = 0
) -> Event:
    params = {"name": name, "mime_type": mime, "size": size or len(PNG)}
    response = await world.post({"type": "attachments.create", "params": params}, user)
    assert response.status_code == 200, response.text
    return response.json()


def put(world: World, attachment: Event, data: bytes = PNG, user: str = "ana", mime: str = "image/png") -> None:
    """Upload like the presigned PUT. Other tests check, on real servers, that it is bound to size and type."""
    world.s3.put_object(Bucket=BUCKET, Key=f"pending/{user}/{attachment['id']}", Body=data, ContentType=mime)


async def uploaded(world: World, user: str = "ana") -> str:
    attachment = await register(world, user)
    put(world, attachment, user=user)
    return attachment["id"]


@pytest.mark.feature("two-phase-upload")
async def test_file_arrives_without_its_descriptor(world: World) -> None:
    file_id = await uploaded(world)

    stream = events(await world.post(create_thread("look", (file_id,))))
    stored = (await world.post(get_thread(stream[0]["thread"]["id"]))).json()["items"]["data"][0]["attachments"][0]

    assert stored["id"] == file_id
    assert "upload_descriptor" not in stored
    assert f"files/ana/{file_id}" in stored["preview_url"]


async def missing(world: World) -> tuple[Any, ...]:
    return (await uploaded(world), "atc_missing"), 404, "not found"


async def foreign(world: World) -> tuple[Any, ...]:
    return (await uploaded(world), await uploaded(world, "bob")), 404, "not found"


async def unfinished(world: World) -> tuple[Any, ...]:
    return (await uploaded(world), (await register(world))["id"]), 422, "uploaded completely"


async def mismatching(world: World) -> tuple[Any, ...]:
    attachment = await register(world)
    put(world, attachment, PNG + b"more")
    return (await uploaded(world), attachment["id"]), 422, "arrived"


async def another_content(world: World) -> tuple[Any, ...]:
    attachment = await register(world, name="a.pdf", mime="application/pdf", size=len(PNG))
    put(world, attachment, PNG, mime="application/pdf")
    return (attachment["id"],), 422, "should be"


async def claimed(world: World) -> tuple[Any, ...]:
    file_id = await uploaded(world)
    await world.post(create_thread("first", (file_id,)))
    return (await uploaded(world), file_id), 409, "another message"


async def twice(world: World) -> tuple[Any, ...]:
    file_id = await uploaded(world)
    return (file_id, file_id), 400, "twice"


async def too_many(world: World) -> tuple[Any, ...]:
    return tuple([await uploaded(world) for _ in range(11)]), 422, "11"


@pytest.mark.parametrize("case", [missing, foreign, unfinished, mismatching, another_content, claimed, twice, too_many])
@pytest.mark.feature("attachment-access")
async def test_message_with_a_bad_file_is_refused_and_stores_nothing(world: World, case: Any) -> None:
    files, status, why = await case(world)
    before = await threads(world)

    response = await world.post(create_thread("look", files))

    assert response.status_code == status
    assert why in response.json()["message"]
    bad = files[-1] if case not in (twice, too_many) else None
    assert response.json().get("attachment_id") == bad  # the page marks the file
    assert await threads(world) == before
    if case in (missing, foreign, unfinished, mismatching, claimed):
        events(await world.post(create_thread("again", files[:1])))  # the claim of the valid file was released


async def test_claims_are_released_when_the_message_was_not_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await uploaded(world)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "add_thread_item", broken)
        failed = events(await world.post(create_thread("look", (file_id,))))
    again = events(await world.post(create_thread("look", (file_id,))))

    assert failed[-1]["type"] == "error"
    assert "error" not in [event["type"] for event in again]


async def test_second_upload_after_the_message_changes_nothing(world: World) -> None:
    attachment = await register(world)
    put(world, attachment)
    await world.post(create_thread("look", (attachment["id"],)))

    put(world, attachment, b"\x89PNG\r\n\x1a\nforged")

    served = world.s3.get_object(Bucket=BUCKET, Key=f"files/ana/{attachment['id']}")["Body"].read()
    assert served == PNG


async def test_linked_file_is_not_deleted_alone(world: World) -> None:
    file_id = await uploaded(world)
    unsent = await uploaded(world)
    await world.post(create_thread("look", (file_id,)))

    linked = await world.post({"type": "attachments.delete", "params": {"attachment_id": file_id}})
    free = await world.post({"type": "attachments.delete", "params": {"attachment_id": unsent}})
    unknown = await world.post({"type": "attachments.delete", "params": {"attachment_id": "atc_missing"}})

    assert (linked.status_code, free.status_code, unknown.status_code) == (422, 200, 200)


@pytest.mark.feature("attachment-input")
async def test_model_gets_the_accepted_file(world: World) -> None:
    attachment = await register(world, name="b.pdf", mime="application/pdf", size=len(PDF))
    put(world, attachment, PDF, mime="application/pdf")
    await world.post(create_thread("look", (attachment["id"],)))
    turn = world.assistant.turns[-1]

    part = await turn.attachment_content(await turn.store.load_attachment(attachment["id"], turn.context))

    assert part["type"] == "input_file"


async def test_foreign_thread_takes_no_file(world: World) -> None:
    thread_id = await begin(world, "bob")
    file_id = await uploaded(world)

    refused = await world.post(
        {
            "type": "threads.add_user_message",
            "params": {
                "thread_id": thread_id,
                "input": {"content": [], "attachments": [file_id], "inference_options": {}},
            },
        }
    )
    again = events(await world.post(create_thread("mine", (file_id,))))

    assert refused.status_code == 404
    assert "error" not in [event["type"] for event in again]


class TestDeletionDuringAdmission:
    """A deletion that arrives between any two steps of a message's admission: one of both wins, never both."""

    @pytest.mark.promise("A6")
    @pytest.mark.parametrize("step", ["verify", "accept"])
    async def test_claimed_file_is_not_deleted(self, world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        file_id = await uploaded(world)
        original, deletions = getattr(world.files, step), list[Any]()

        async def interrupted(attachment: Any, context: Any) -> Any:
            deletions.append(await world.post(delete(file_id)))
            return await original(attachment, context)

        monkeypatch.setattr(world.files, step, interrupted)
        response = await world.post(create_thread("look", (file_id,)))

        assert response.status_code == 200
        assert [each.status_code for each in deletions] == [409]
        stored = (await world.post(get_thread(events(response)[0]["thread"]["id"]))).json()["items"]["data"][0]
        assert [each["id"] for each in stored["attachments"]] == [file_id]
        world.s3.head_object(Bucket=BUCKET, Key=f"files/ana/{file_id}")

    @pytest.mark.promise("A6")
    async def test_deleted_file_is_not_claimed(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        file_id = await uploaded(world)
        original, messages = world.files.delete_attachment, list[Any]()

        async def interrupted(attachment_id: str, context: Any) -> None:
            messages.append(await world.post(create_thread("look", (file_id,))))
            await original(attachment_id, context)

        monkeypatch.setattr(world.files, "delete_attachment", interrupted)
        response = await world.post(delete(file_id))

        assert (response.status_code, [each.status_code for each in messages]) == (200, [404])
        assert await threads(world) == []


def delete(file_id: str) -> dict[str, Any]:
    return {"type": "attachments.delete", "params": {"attachment_id": file_id}}
