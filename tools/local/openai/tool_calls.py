"""Which words make the stand-in model call which tool, and what it makes of the tool's answer. No I/O.

    called(request)             # (FunctionCall("balances", {}),), or None when no tool fits
    told("balances", "{…}")     # "You have $1.00 in cash. …"

Every number comes from a tool or from the user.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tools.local.files import PNG
from tools.local.openai.request import Request
from tools.local.openai.responses import FunctionCall, Image, Message, Output

Tool = Mapping[str, Any]
Arguments = dict[str, Any]

PICTURE = base64.b64encode(PNG).decode()
GERMAN = {
    "kontostände": "balances",
    "ausgegeben": "spent",
    "monaten": "months",
    "ein budget fürs essengehen": "set a budget for dining",
    "ziel": "goal",
}
SOURCE = ("https://example.com/budget", "Budget guide")


def called(request: Request) -> tuple[Output, ...] | None:
    """Return the call that the user's words ask for, the request forces or a form's answers need."""
    answers = request.form_answers
    if answers and "plan_goal" in request.tools:
        return (FunctionCall("plan_goal", _goal(answers)),)
    question = in_english(request.question.lower())
    for name, pattern, arguments in RULES:
        if name in request.tools and (name == request.forced or (not request.forced and re.search(pattern, question))):
            return (FunctionCall(name, arguments(question, request.tools[name])),)
    return _hosted(request, question)


def in_english(question: str) -> str:
    """Return `question` with the words replaced that the page's German prompts are recognised by."""
    for german, english in GERMAN.items():
        question = question.replace(german, english)
    return question


def _hosted(request: Request, question: str) -> tuple[Output, ...] | None:
    """Play the tools that run at OpenAI: their results are in the answer itself."""
    if request.forced == "web_search":
        return (Message(f"See the {SOURCE[1]}.", url_citations=(SOURCE,)),)
    asked = request.forced == "image_generation" or re.search(r"\b(draw|paint|picture)\b", question)
    if asked and (tool := request.tools.get("image_generation")):
        partials = (PICTURE,) * int(tool.get("partial_images") or 0)
        return Image(PICTURE, partials), Message("Here is your picture. Keep it where you see it.")
    return None


def _category(question: str, tool: Tool) -> str:
    known: list[str] = tool["parameters"]["properties"]["category"].get("enum", [])
    return next((name for name in known if name.rstrip("s") in question), "all" if "all" in known else known[0])


def _months(question: str) -> int:
    if number := re.search(r"(\d+) months?", question):
        return int(number[1])
    return 12 if "year" in question else 1


def _of_category(question: str, tool: Tool) -> Arguments:
    return {"category": _category(question, tool)}


def _spending(question: str, tool: Tool) -> Arguments:
    return {"category": _category(question, tool), "months": _months(question)}


def _page(question: str, tool: Tool) -> Arguments:
    known: list[str] = tool["parameters"]["properties"]["page"]["enum"]
    return {"page": next((name for name in known if name.rstrip("s") in question), known[0])}


def _goal(answers: Mapping[str, str]) -> Arguments:
    given = list(answers.values())
    digits = re.sub(r"\D", "", given[0]) if given else ""
    return {"amount_dollars": int(digits or 0), "months": _months(given[1]) if len(given) > 1 else 12}


def _nothing(_question: str, _tool: Tool) -> Arguments:
    return {}


RULES: tuple[tuple[str, str, Callable[[str, Tool], Arguments]], ...] = (
    ("open_page", r"\bopen\b", _page),
    ("highlight", r"\bhighlight\b", _of_category),
    ("set_budget", r"\b(set|change) .*\bbudget\b", _of_category),
    ("budgets", r"\bbudgets?\b", _nothing),
    ("ask_about_goal", r"\b(goal|sav(e|ing) (up )?for)\b", lambda question, _tool: {"goal": question[:60]}),
    ("analyze_spending", r"\banaly[sz]e\b", lambda question, _tool: {"months": max(_months(question), 6)}),
    ("spending_by_category", r"\b(spen[dt]|spending|grocer\w+|dining|rent|cost)\b", _spending),
    ("balances", r"\b(balances?|accounts?|savings?|worth|money do i have|how much is in)\b", _nothing),
)


def told(name: str, output: str) -> str:
    """Return what the model says of a tool's output."""
    try:
        result = json.loads(output)
    except json.JSONDecodeError:
        return f"{name} answered: {output}"
    match result:
        case {"category": category, "months": months, "total": total, "purchases": purchases}:
            period = "the last month" if months == 1 else f"the last {months} months"
            what = "in all categories" if category == "all" else f"on {category}"
            return f"You spent {total} {what} in {period}, in {purchases} purchases."
        case {"total": total, "accounts": accounts}:
            lines = ", ".join(f"{account['balance']} in {account['name'].lower()}" for account in accounts)
            return f"You have {lines}. That is {total} in total."
        case {"mean_per_month": mean, "months": months}:
            return f"In the last {months} months you spent {mean} a month in the mean. The card shows what stands out."
        case {"form": _, "category": category}:
            return f"Fill in the form to set your budget for {category}."
        case {"budgets": budgets}:
            lines = ", ".join(f"{each['budget']} for {each['category']}" for each in budgets)
            return f"Your budgets: {lines}." if lines else "You have set no budget yet."
        case {"needed_per_month": needed, "saved_per_month": saved, "months": months}:
            return f"That takes {needed} a month for {months} months. You save {saved} a month now."
        case _:
            return f"{name} answered: {output}"
