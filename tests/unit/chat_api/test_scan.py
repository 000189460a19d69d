"""A3: a scanner decides between the upload of a file and its acceptance; off, nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from attachments_s3 import ScannedFile, scan
from attachments_s3.errors import ScanError
from tests.fakes.everything import Everything
from tests.unit.chat_api.conftest import BUCKET, World
from tests.unit.chat_api.test_app import events, threads
from tests.unit.chat_api.test_message_files import put, register
from tools.client.chatkit import create_thread
from tools.local.files import PNG

pytestmark = [pytest.mark.promise("A3"), pytest.mark.feature("malware-scan")]


class Scanner(Everything):
    """Finds a threat in the bytes `EICAR`; fails or hangs as told."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[ScannedFile] = []
        self.fault: str | None = None

    async def scan(self, file: ScannedFile) -> str | None:
        self.files.append(file)
        data = await file.read()
        assert len(data) == file.size
        if self.fault == "fails":
            raise RuntimeError("the scanner is down")
        if self.fault == "hangs":
            await asyncio.sleep(60)
        return "Eicar-Test" if b"EICAR" in data else None


@pytest.fixture
def assistant() -> Scanner:
    return Scanner()


@pytest.fixture
def world(world_of: Callable[..., World], assistant: Scanner, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(scan, "SCAN_SECONDS", 0.05)
    return world_of(assistant)


async def upload(world: World, data: bytes = PNG, user: str = "ana") -> str:
    attachment = await register(world, user, size=len(data))
    put(world, attachment, data, user)
    return attachment["id"]


def objects(world: World) -> set[str]:
    return {each["Key"] for each in world.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


async def test_clean_file_is_scanned_once_before_it_is_accepted(world: World, assistant: Scanner) -> None:
    file_id = await upload(world)

    stream = events(await world.post(create_thread("look", (file_id,))))

    assert "error" not in [event["type"] for event in stream]
    (file,) = assistant.files
    assert (file.attachment_id, file.bucket, file.key, file.size) == (
        file_id,
        BUCKET,
        f"pending/ana/{file_id}",
        len(PNG),
    )
    assert f"files/ana/{file_id}" in objects(world)


async def test_infected_file_is_refused_and_deleted_and_the_other_is_free(world: World) -> None:
    infected, clean = await upload(world, PNG + b"EICAR"), await upload(world)

    response = await world.post(create_thread("look", (clean, infected)))

    assert response.status_code == 422
    assert "malware" in response.json()["message"]
    assert "Eicar" not in response.text
    assert await threads(world) == []
    assert not {f"pending/ana/{infected}", f"files/ana/{infected}", f"files/ana/{clean}"} & objects(world)
    assert (await world.post(create_thread("look", (infected,)))).status_code == 404
    assert (await world.post(create_thread("look", (clean,)))).status_code == 200


@pytest.mark.parametrize("fault", ["fails", "hangs"])
async def test_scanner_that_does_not_answer_is_a_503_and_gives_the_files_back(
    world: World, assistant: Scanner, fault: str
) -> None:
    file_id, assistant.fault = await upload(world), fault

    response = await world.post(create_thread("look", (file_id,)))

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "scanner is down" not in response.text
    assert await threads(world) == []
    assert f"pending/ana/{file_id}" in objects(world)
    assistant.fault = None
    assert (await world.post(create_thread("look", (file_id,)))).status_code == 200


async def test_other_bytes_than_the_scanned_are_not_accepted(
    world: World, assistant: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = await register(world, size=len(PNG) + 5)
    put(world, attachment, PNG + b"clean")
    original = assistant.scan

    async def replaced(file: ScannedFile) -> str | None:
        put(world, attachment, PNG + b"EICAR")
        return await original(file)

    monkeypatch.setattr(assistant, "scan", replaced)
    response = await world.post(create_thread("look", (attachment["id"],)))

    assert response.status_code == 422
    assert "changed" in response.json()["message"]


async def test_accepted_file_is_not_scanned_again(world: World, assistant: Scanner, monkeypatch: Any) -> None:
    file_id = await upload(world)

    async def lost(*_: object, **__: object) -> None:
        raise RuntimeError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "add_thread_item", lost)
        await world.post(create_thread("look", (file_id,)))
    await world.post(create_thread("look", (file_id,)))

    assert len(assistant.files) == 1


def test_failure_of_a_scan_names_the_file_only() -> None:
    assert str(ScanError("atc_1", "a.png")) == "“a.png” could not be scanned for malware now. Please try again."
