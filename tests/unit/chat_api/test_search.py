"""GET /chatkit/search: the user's own conversations by words, and clear answers to bad queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api.assistant import Turn
from tests.fakes.assistants import spoken
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import create_thread


async def search(world: World, query: str, user: str = "ana", **more: str) -> Any:
    async with world.client(user) as client:
        return await client.get("/chatkit/search", params={"q": query, **more})


@pytest.mark.feature("search")
@pytest.mark.promise("F1")
async def test_own_messages_are_found_and_nobody_elses(world: World) -> None:
    stream = events(await world.post(create_thread("A weekend in Lisbon with the children")))
    thread_id = stream[0]["thread"]["id"]
    await world.post(create_thread("Lisbon for bob"), user="bob")

    found = (await search(world, "children LISBON")).json()

    assert [hit["thread_id"] for hit in found["data"]] == [thread_id]
    assert "Lisbon" in found["data"][0]["snippet"][1::2]
    assert (found["complete"], found["after"], found["threads"]) == (True, None, 1)


@pytest.mark.promise("F1")
@pytest.mark.parametrize(
    ("query", "more", "message"),
    [
        ("", {}, "the search contains no word: enter a word of at least two letters"),
        ("x", {}, "the search is one letter: enter a word of at least two letters"),
        ("?!", {}, "the search contains no word: enter a word of at least two letters"),
        ("lisbon", {"after": "nonsense"}, "the search cannot continue"),
    ],
)
async def test_bad_queries_say_what_to_do(world: World, query: str, more: dict[str, str], message: str) -> None:
    answer = await search(world, query, **more)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


async def test_a_search_needs_a_token(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.get("/chatkit/search?q=lisbon")).status_code == 401


async def test_the_log_has_counts_and_no_words(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="chat_api")
    await world.post(create_thread("A weekend in Lisbon"))
    await search(world, "Lisbon")

    (record,) = [each for each in caplog.records if each.message == "searched"]
    assert (vars(record)["threads"], vars(record)["hits"]) == (1, 1)
    assert "isbon" not in caplog.text


class Remembering:
    """Answers with the titles and words that its turn's search finds."""

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        found = await turn.search("lisbon")
        for event in spoken(thread, turn, ["".join(hit["snippet"]) for hit in found["data"]]):
            yield event


@pytest.mark.promise("F1")
async def test_assistants_search_only_their_users_conversations(world_of: Callable[..., World]) -> None:
    world = world_of(Remembering())
    await world.post(create_thread("lisbon with the children"))
    await world.post(create_thread("lisbon secret"), user="bob")

    stream = events(await world.post(create_thread("lisbon")))

    text = str([event["item"] for event in stream if event["type"] == "thread.item.done"][-1])
    assert "with the children" in text
    assert "secret" not in text
