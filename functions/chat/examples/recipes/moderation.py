"""Moderation: every text of a client before it is stored, and every answer when it is complete."""

from __future__ import annotations

import re

from chat_api.assistant import Assistant, AssistantSettings, Statement
from chat_api.context import RequestContext
from examples.recipes.agent import AgentAssistant

CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){13,16}\b")


class Moderated(AgentAssistant):
    async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
        """Return why a text is refused, or None. `examples/guarded.py` asks OpenAI's moderation endpoint."""
        return "Please leave card numbers out." if CARD_NUMBER.search(statement.text) else None


def build(settings: AssistantSettings) -> Assistant:
    return Moderated(settings)
