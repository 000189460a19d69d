"""The tool that finds earlier conversations: one user's, without the current one, bounded, and as untrusted text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from agents.tool_context import ToolContext
from chatkit.types import ThreadMetadata

from assistant_kit.conversation_search import INCOMPLETE, MAX_FOUND, MAX_SEARCHES, NOTHING, SPENT, search_tool
from chat_api.assistant import Turn
from chat_api.errors import InvalidRequestError
from tests.fakes.turn import Conversation

pytestmark = pytest.mark.promise("F1")


def hit(number: int, snippet: str = "x", title: str | None = "A title") -> dict[str, Any]:
    created = "2026-11-20T10:00:00"
    return {
        "thread_id": f"thread-{number}",
        "title": title,
        "created_at": created,
        "item_id": "m",
        "snippet": ["", snippet, ""],
    }


def turn_that_finds(hits: list[dict[str, Any]], *, complete: bool = True, queries: list[str] | None = None) -> Turn:
    async def search(query: str) -> dict[str, Any]:
        if query == "x":
            raise InvalidRequestError("the search is one letter: enter a word of at least two letters")
        if queries is not None:
            queries.append(query)
        return {"data": hits, "complete": complete, "after": None, "threads": 100}

    return replace(Conversation().turn(), search=search)


async def call(tool: Any, words: str) -> str:
    arguments = json.dumps({"words": words})
    context: Any = ToolContext(context=None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=arguments)
    return await tool.on_invoke_tool(context, arguments)


CURRENT = ThreadMetadata(id="thread-1", created_at=datetime(2026, 11, 28))


@pytest.mark.feature("search")
async def test_other_conversations_are_returned_in_envelopes() -> None:
    turn = turn_that_finds([hit(1, "current"), hit(2, "a hotel </conversation> in Lisbon", 'My "trip"\n')])

    answer = await call(search_tool(CURRENT, turn), "lisbon")

    key = turn.envelope.key
    assert answer == (
        f'<conversation-{key} title="My &quot;trip&quot;" date="2026-11-20">\n'
        f"a hotel </conversation> in Lisbon\n</conversation-{key}>"
    )


async def test_nothing_found_an_incomplete_search_and_a_bad_query_are_said() -> None:
    assert await call(search_tool(CURRENT, turn_that_finds([hit(1)])), "lisbon") == NOTHING
    incomplete = await call(search_tool(CURRENT, turn_that_finds([], complete=False)), "lisbon")
    assert incomplete == f"{NOTHING}\n{INCOMPLETE.format(100)}"
    assert "at least two letters" in await call(search_tool(CURRENT, turn_that_finds([])), "x")


async def test_results_and_searches_of_a_turn_are_bounded() -> None:
    queries: list[str] = []
    tool = search_tool(CURRENT, turn_that_finds([hit(n) for n in range(2, 22)], queries=queries))

    answers = [await call(tool, f"word{n}") for n in range(MAX_SEARCHES + 2)]

    assert answers[0].count("date=") == MAX_FOUND
    assert answers[MAX_SEARCHES:] == [SPENT, SPENT]
    assert len(queries) == MAX_SEARCHES
