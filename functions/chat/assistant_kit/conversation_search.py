"""A tool with which the model finds the user's earlier conversations: "What did I ask about Lisbon?"

    Agent(tools=[*TOOLS, search_tool(thread, turn)], instructions=f"… {turn.envelope.rule}")

The tool belongs to one turn: it searches only that user's threads, leaves out the current one, which the model has, and
stops after MAX_SEARCHES. What it returns was written by users, models and files, so each part stands in an envelope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents import FunctionTool, function_tool
from chatkit.types import ThreadMetadata

from chat_api.assistant import Turn
from chat_api.errors import InvalidRequestError

MAX_SEARCHES = 3
"""Searches in one turn. Each may read a hundred threads."""
MAX_FOUND = 8

NOTHING = "No earlier conversation contains all of these words."
INCOMPLETE = "Only the {} newest conversations were searched. Older ones may match too."
SPENT = "No more searches in this answer. Answer with what you have, or ask the user for other words."


def search_tool(thread: ThreadMetadata, turn: Turn) -> FunctionTool:
    """Return the tool `search_conversations` for one turn."""
    searches = 0

    @function_tool
    async def search_conversations(words: str) -> str:
        """Search the user's earlier conversations with you, newest first. Use it only when the user refers to one.

        Args:
            words: One to three characteristic words, which must all occur, in any order, for example "lisbon hotel".
        """
        nonlocal searches
        searches += 1
        if searches > MAX_SEARCHES:
            return SPENT
        try:
            found = await turn.search(words)
        except InvalidRequestError as error:
            return str(error)
        others = [hit for hit in found["data"] if hit["thread_id"] != thread.id][:MAX_FOUND]
        parts = [_described(hit, turn) for hit in others] or [NOTHING]
        if not found["complete"]:
            parts.append(INCOMPLETE.format(found["threads"]))
        return "\n".join(parts)

    return search_conversations


def _described(hit: Mapping[str, Any], turn: Turn) -> str:
    snippet = "".join(hit["snippet"])
    return turn.envelope.wrap("conversation", snippet, title=hit["title"] or "", date=hit["created_at"][:10])
