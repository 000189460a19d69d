"""Fixtures: one local stack for all tests of this folder. The tests run in one process, one after the other."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.pace import QUICK_SECONDS, Pace, paced
from tools.client.chatkit import ChatKitClient
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.function.url import FunctionUrl
from tools.local.stack import Stack, running_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    log = tmp_path_factory.mktemp("stack") / "function.log"
    async with running_stack(lambda _: None, log=log) as stack:
        assert stack.model is not None
        stack.model.delay_seconds = QUICK_SECONDS
        yield stack


@pytest.fixture
def pace(stack: Stack) -> Iterator[Pace]:
    """The pace of the model's answers."""
    with paced(stack.model) as pace:
        yield pace


@asynccontextmanager
async def variant(stack: Stack, timeout_seconds: float = 60, **environment: str) -> AsyncGenerator[str]:
    """Yield the URL of the same function with other settings."""
    settings = {**stack.function.environment, **environment}
    function = replace(stack.function, timeout_seconds=timeout_seconds, environment=settings, cold_starts=[])
    async with FunctionUrl(function) as front:
        yield front.url


@pytest.fixture(scope="session")
def token_of(stack: Stack) -> Callable[[str], str]:
    """Return a function from a name to that user's access token. It creates users on first use."""
    tokens: dict[str, str] = {}

    def token_of(name: str) -> str:
        if name not in tokens:
            email = f"{name}-{uuid.uuid4().hex[:6]}@example.com"
            create_user(stack.aws, email, PASSWORD)
            tokens[name] = sign_in(stack.aws, email, PASSWORD).access_token
        return tokens[name]

    return token_of


@pytest_asyncio.fixture(loop_scope="session")
async def ana(stack: Stack, token_of: Callable[[str], str]) -> AsyncIterator[ChatKitClient]:
    """A new user without conversations."""
    async with ChatKitClient(stack.url, token_of(f"ana-{uuid.uuid4().hex[:6]}")) as client:
        yield client
