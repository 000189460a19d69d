"""A7: direct upload of one file of up to 4 MB; the error for a larger one names the two-phase upload."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from chat_api.dependencies import MAX_BODY_BYTES
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import create_thread
from tools.local.files import PDF, PNG

pytestmark = pytest.mark.promise("A7")


async def post_file(world: World, name: str, data: bytes, mime: str, field: str = "file") -> httpx.Response:
    async with world.client() as client:
        return await client.post("/chatkit/attachments", files={field: (name, data, mime)})


@pytest.mark.feature("direct-upload")
async def test_posted_file_can_be_sent(world: World) -> None:
    posted = (await post_file(world, "a.png", PNG, "image/png")).json()
    stream = events(await world.post(create_thread("look", (posted["id"],))))

    assert (posted["type"], posted["name"]) == ("image", "a.png")
    assert "metadata" not in posted
    assert "upload_descriptor" not in posted
    assert "error" not in [event["type"] for event in stream]


async def test_over_the_limit_the_other_way_is_named(world: World) -> None:
    response = await post_file(world, "a.pdf", PDF + b"%" * MAX_BODY_BYTES, "application/pdf")

    assert response.status_code == 413
    assert "attachments.create" in response.json()["message"]


@pytest.mark.parametrize(
    ("name", "data", "mime", "field", "status"),
    [
        ("a.png", PDF, "image/png", "file", 422),
        ("a.exe", b"MZ", "application/x-msdownload", "file", 422),
        ("a.png", b"", "image/png", "file", 422),
        ("a.png", PNG, "image/png", "other", 400),
    ],
)
async def test_bad_file_is_refused(world: World, name: str, data: bytes, mime: str, field: str, status: int) -> None:
    response = await post_file(world, name, data, mime, field)

    assert response.status_code == status
    assert response.json()["message"]


async def test_body_that_is_no_form_is_refused(world: World) -> None:
    async with world.client() as client:
        json_body = await client.post("/chatkit/attachments", json={})
        two = await client.post("/chatkit/attachments", files=[("file", ("a", b"x")), ("file", ("b", b"x"))])
        broken = await client.post(
            "/chatkit/attachments",
            content=b"--x\r\nnonsense",
            headers={"content-type": "multipart/form-data; boundary=x"},
        )

    assert (json_body.status_code, two.status_code, broken.status_code) == (400, 400, 400)


async def test_nobody_uploads(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.post("/chatkit/attachments", files={"file": ("a.png", PNG)})).status_code == 401


async def test_frontend_is_told_what_may_be_attached(world: World) -> None:
    async with world.client(None) as client:
        policy = (await client.get("/chatkit/attachments")).json()

    assert policy["accept"]["image/png"] == [".png"]
    assert policy["maxCount"] == world.files.policy.max_per_message


class TestAnAssistantThatReadsNoFiles:
    """The composer offers none, and none is accepted."""

    @pytest.fixture
    def world(self, world_of: Callable[..., World]) -> World:
        class Textual(Echo):
            attachments = False

        return world_of(Textual())

    @pytest.mark.feature("composer")
    async def test_the_composer_offers_none(self, world: World) -> None:
        async with world.client() as client:
            composer = (await client.get("/chatkit/composer")).json()
        assert composer["attachments"]["enabled"] is False

    async def test_none_is_accepted(self, world: World) -> None:
        params = {"name": "a.png", "mime_type": "image/png", "size": len(PNG)}
        message = {"content": [], "attachments": ["atc_1"], "inference_options": {}}
        async with world.client() as client:
            refused = [
                await client.post("/chatkit/attachments", files={"file": ("a.png", PNG, "image/png")}),
                await client.post("/chatkit", json={"type": "attachments.create", "params": params}),
                await client.post("/chatkit", json={"type": "threads.create", "params": {"input": message}}),
            ]
        assert [answer.status_code for answer in refused] == [400, 400, 400]
        assert ["does not accept files" in answer.text for answer in refused] == [True, True, True]
