"""Actions in the page around the chat: a client tool, which returns a result, and a client effect, which does not."""

from __future__ import annotations

from typing import Literal

from agents import RunContextWrapper, function_tool
from chatkit.agents import ClientToolCall
from chatkit.types import ClientEffectEvent

from coach.accounts import Category
from coach.context import CoachContext

Page = Literal["overview", "transactions", "budgets", "goals"]


@function_tool
async def open_page(run: RunContextWrapper[CoachContext], page: Page) -> str:
    """Open a page of the app around this chat. Ends your turn; the result starts the next one."""
    run.context.client_tool_call = ClientToolCall(name="open_page", arguments={"page": page})
    return "The page is opening."


@function_tool
async def highlight(run: RunContextWrapper[CoachContext], category: Category) -> str:
    """Highlight one spending category in the app around this chat."""
    await run.context.stream(ClientEffectEvent(name="highlight", data={"category": category}))
    return f"{category} is highlighted."
