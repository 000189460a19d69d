"""A5: GET /chatkit/attachments/{id} opens the files of the user's own messages, by a URL that expires."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.unit.chat_api.conftest import BUCKET, World
from tests.unit.chat_api.test_app import events
from tests.unit.chat_api.test_message_files import put, register, uploaded
from tools.client.chatkit import create_thread
from tools.local.files import PDF

pytestmark = [pytest.mark.promise("A5"), pytest.mark.feature("file-open")]


async def opened(world: World, attachment_id: str, user: str | None = "ana", **headers: str) -> Any:
    async with world.client(user) as client:
        return await client.get(f"/chatkit/attachments/{quote(attachment_id, safe='')}", headers=headers)


async def sent(world: World, user: str = "ana", name: str = "a.pdf", mime: str = "application/pdf", data: bytes = PDF):
    attachment = await register(world, user, name, mime, len(data))
    put(world, attachment, data, user, mime)
    events(await world.post(create_thread("look", (attachment["id"],)), user))
    return attachment["id"]


async def test_url_of_an_own_sent_file_works_for_five_minutes(world: World) -> None:
    file_id = await sent(world)

    answer = await opened(world, file_id)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    url = urlsplit(answer.json()["url"])
    assert url.path.endswith(f"/files/ana/{file_id}")
    assert parse_qs(url.query)["X-Amz-Expires"] == ["300"]


@pytest.mark.parametrize(
    ("name", "mime", "data", "disposition"),
    [
        ("Bill.pdf", "application/pdf", PDF, "inline"),
        ("Notes ü.txt", "text/plain", b"notes", "attachment"),
        ("page.html", "text/html", b"<script>alert(1)</script>", "attachment"),
    ],
)
async def test_only_images_and_pdfs_open_in_the_browser(
    world: World, name: str, mime: str, data: bytes, disposition: str
) -> None:
    file_id = await sent(world, name=name, mime=mime, data=data)

    assert (await opened(world, file_id)).status_code == 200

    header = world.s3.head_object(Bucket=BUCKET, Key=f"files/ana/{file_id}")["ContentDisposition"]
    assert header.startswith(f"{disposition}; filename=")
    assert f"filename*=UTF-8''{quote(name)}" in header or f'filename="{name}"' in header


async def foreign(world: World) -> str:
    return await sent(world, "bob")


async def unsent(world: World) -> str:
    return await uploaded(world)


async def registered(world: World) -> str:
    return (await register(world))["id"]


async def deleted(world: World) -> str:
    file_id = await uploaded(world)
    await world.post({"type": "attachments.delete", "params": {"attachment_id": file_id}})
    return file_id


async def erased(world: World) -> str:
    file_id = await sent(world)
    world.s3.delete_object(Bucket=BUCKET, Key=f"files/ana/{file_id}")
    return file_id


CASES = [foreign, unsent, registered, deleted, erased]
MALFORMED = ["atc_unknown", "atc..x", "%00", "a" * 512, "ü#?", "null"]


@pytest.mark.parametrize("case", [*CASES, *MALFORMED], ids=lambda case: getattr(case, "__name__", str(case)[:12]))
async def test_every_other_id_gets_the_same_404(world: World, case: Any) -> None:
    file_id = case if isinstance(case, str) else await case(world)

    answer = await opened(world, file_id)

    assert answer.status_code == 404
    assert answer.json()["message"].startswith("this file does not exist (any more), or was not sent")
    assert file_id not in answer.text


async def test_the_404_is_in_the_users_language(world: World) -> None:
    answer = await opened(world, "atc_unknown", **{"accept-language": "de"})

    assert answer.json()["message"].startswith("Diese Datei gibt es nicht")


async def test_a_token_is_needed(world: World) -> None:
    assert (await opened(world, "atc_1", None)).status_code == 401


@pytest.mark.promise("H9")
async def test_the_log_has_the_id_and_no_url(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="chat_api")
    file_id = await sent(world)

    url = (await opened(world, file_id)).json()["url"]

    (record,) = [record for record in caplog.records if record.message == "file opened"]
    assert record.__dict__["attachment_id"] == file_id
    assert not any(
        "X-Amz-Signature" in str(record.__dict__) or url in str(record.__dict__) for record in caplog.records
    )
