"""What the model may call: the only source of numbers in an answer.

Each tool is a plain function of the user's finances (tested by values) and a thin declaration that finds whose they
are: the user of the turn's context, never an argument that the model could choose.
"""

from __future__ import annotations

from agents import ImageGenerationTool, StopAtTools, Tool, WebSearchTool

from coach.pictures import PARTIAL_IMAGES
from coach.tools.analysis import analyze_spending
from coach.tools.balances import balances
from coach.tools.budgets import budgets, set_budget
from coach.tools.goals import ask_about_goal, plan_goal
from coach.tools.host_page import highlight, open_page
from coach.tools.spending import spending_by_category

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
    open_page,
    highlight,
    pictures,
]
ENDS_THE_TURN = StopAtTools(stop_at_tool_names=[open_page.name, ask_about_goal.name])
"""After these it is the page's or the user's turn."""
ON_REQUEST: dict[str, Tool] = {web_search.name: web_search}
"""Offered only when the user chose it: its questions leave for the web."""
