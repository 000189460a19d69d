"""Tools that the model can call: the only source of numbers in an answer.

Each tool consists of a pure function of the user's finances and a thin declaration that loads them. The user comes from
the turn's context, never from an argument that the model could choose.
"""

from __future__ import annotations

from agents import ImageGenerationTool, StopAtTools, Tool, WebSearchTool

from assistant_kit.items import PARTIAL_IMAGES
from coach.tools.analysis import analyze_spending
from coach.tools.balances import balances
from coach.tools.budgets import budgets, set_budget
from coach.tools.goals import ask_about_goal, goals, plan_goal
from coach.tools.host_page import highlight, open_page
from coach.tools.spending import spending_by_category
from coach.tools.transfers import transfer

pictures = ImageGenerationTool(
    {"type": "image_generation", "partial_images": PARTIAL_IMAGES, "size": "1024x1024", "quality": "low"}
)
web_search = WebSearchTool()

TOOLS: list[Tool] = [
    spending_by_category,
    balances,
    analyze_spending,
    set_budget,
    budgets,
    ask_about_goal,
    plan_goal,
    goals,
    transfer,
    open_page,
    highlight,
    pictures,
]
ENDS_THE_TURN = StopAtTools(stop_at_tool_names=[open_page.name, ask_about_goal.name])
"""These tools end the model's turn: the page or the user has to answer."""
ON_REQUEST: dict[str, Tool] = {web_search.name: web_search}
"""Offered only when the user selects it, because its queries leave for the web."""
