"""Hosted mode: a session of the workflow for the verified user only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx2
import openai
import pytest

from chat_api.hosted import HostedMode
from chat_api.settings import LimitSettings
from tests.unit.chat_api.conftest import Echo, World

WorldOf = Callable[..., World]


class Sessions:
    """A stand-in for OpenAI's `POST /v1/chatkit/sessions`: records requests, returns the given response."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.status = 200

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.status != 200:
            return httpx2.Response(self.status, json={"error": {"message": "key sk-1 is wrong"}})
        body = {"id": "cksess_1", "object": "chatkit.session", "client_secret": "ek_1", "expires_at": 1_700_000_000}
        return httpx2.Response(200, json=body)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
async def hosted(sessions: Sessions) -> AsyncIterator[HostedMode]:
    transport = httpx2.AsyncClient(transport=httpx2.MockTransport(sessions))
    mode = HostedMode("wf_1", openai.AsyncOpenAI(api_key="sk-1", http_client=transport, max_retries=0))
    yield mode
    await mode.close()


@pytest.mark.feature("hosted-session")
async def test_session_is_of_the_tokens_user(world_of: WorldOf, hosted: HostedMode, sessions: Sessions) -> None:
    world = world_of(Echo(), hosted=hosted)
    async with world.client("ana") as client:
        answer = await client.post("/chatkit/session", json={"user": "bob"})

    assert answer.json() == {"client_secret": "ek_1", "expires_at": 1_700_000_000}
    assert sessions.requests[0].url.path.endswith("/chatkit/sessions")
    assert json.loads(sessions.requests[0].content) == {"user": "ana", "workflow": {"id": "wf_1"}}


@pytest.mark.promise("H1")
async def test_nobody_gets_no_session(world_of: WorldOf, hosted: HostedMode, sessions: Sessions) -> None:
    world = world_of(Echo(), hosted=hosted)
    async with world.client(None) as client:
        answer = await client.post("/chatkit/session")

    assert (answer.status_code, sessions.requests) == (401, [])


@pytest.mark.promise("H7")
async def test_sessions_are_limited(world_of: WorldOf, hosted: HostedMode) -> None:
    world = world_of(Echo(), hosted=hosted, limits=LimitSettings(turns_per_minute=1))
    async with world.client() as client:
        answers = [(await client.post("/chatkit/session")).status_code for _ in range(2)]

    assert answers == [200, 429]


async def test_failure_at_openai_is_503_without_detail(
    world_of: WorldOf, hosted: HostedMode, sessions: Sessions
) -> None:
    sessions.status = 401
    world = world_of(Echo(), hosted=hosted)
    async with world.client() as client:
        answer = await client.post("/chatkit/session")

    assert answer.status_code == 503
    assert "sk-1" not in answer.text


async def test_without_a_workflow_there_is_no_hosted_mode(world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/chatkit/session")

    assert answer.status_code == 404
    assert "WORKFLOW_ID" in answer.json()["message"]


async def test_a_workflow_that_openai_removed_is_explained(
    world_of: WorldOf, hosted: HostedMode, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.status = 404
    world = world_of(Echo(), hosted=hosted)
    async with world.client() as client:
        answer = await client.post("/chatkit/session")

    assert answer.status_code == 404
    assert "30 November 2026" in answer.json()["message"]
    assert "leaving-agent-builder.md" in answer.json()["message"]
    assert [record.levelname for record in caplog.records if record.name == "chat_api.hosted"] == ["ERROR"]


def test_a_process_with_a_workflow_says_at_its_start_that_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    HostedMode("wf_1", openai.AsyncOpenAI(api_key="sk-1"))

    assert "30 November 2026" in caplog.text
