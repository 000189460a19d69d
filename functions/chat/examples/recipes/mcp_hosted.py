"""Tools of an MCP server that OpenAI connects to. The conversation reaches that server, so use those you trust."""

from __future__ import annotations

from agents import HostedMCPTool
from openai.types.responses.tool_param import Mcp

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant

STOCK = Mcp(
    type="mcp",
    server_label="stock",
    server_url="https://stock.example/mcp",
    allowed_tools=["in_stock"],
    require_approval="never",
)


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[HostedMCPTool(STOCK)])
