"""Tools of an MCP server that this function connects to: here a process, `MCPServerStreamableHttp` for an address."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

from agents.mcp import MCPServerStdio
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api.assistant import Assistant, AssistantSettings, Turn
from examples.recipes.agent import AgentAssistant

SERVER = str(Path(__file__).with_name("mcp_server.py"))


class WithStock(AgentAssistant):
    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Connect for one turn, so that no connection is left when Lambda freezes the process."""
        async with MCPServerStdio(params={"command": sys.executable, "args": [SERVER]}) as server:
            agent = self.agent.clone(mcp_servers=[server])
            async with aclosing(self.answer(thread, turn, agent)) as events:
                async for event in events:
                    yield event


def build(settings: AssistantSettings) -> Assistant:
    return WithStock(settings)
