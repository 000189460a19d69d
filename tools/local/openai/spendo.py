"""Scripts for the sample assistant: the local model plays Spendo, the finance coach, when the request is Spendo's.

    if is_spendo(request):
        request = ...
        tool_calls(request)               # (FunctionCall("spending_by_category", {"category": "groceries", …}),)

Numbers always come from the tools' outputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tools.local.openai.arguments import make_arguments
from tools.local.openai.request import Request
from tools.local.openai.responses import FunctionCall

Tool = Mapping[str, Any]
Arguments = dict[str, Any]

GERMAN = {
    "kontostände": "balances",
    "ausgegeben": "spent",
    "monaten": "months",
    "ein budget fürs essengehen": "set a budget for dining",
    "ziel": "goal",
}
GREETING = (
    "I am Spendo, your money coach. Ask me what you spent on groceries, dining or travel, "
    "what your balances are, or send me a receipt. I only quote numbers that your accounts gave me."
)


def is_spendo(request: Request) -> bool:
    """Return whether the request has the coach's instructions or its tool for spending."""
    tool = request.functions.get("spending_by_category", {})
    return "You are Spendo" in request.instructions or {"category", "months"} <= set(_properties(tool))


def tool_calls(request: Request) -> tuple[FunctionCall, ...] | None:
    """Return the call that the user's text matches, the request requires, or a submitted form leads to."""
    answers = request.form_answers
    if answers and "plan_goal" in request.tools:
        return (FunctionCall("plan_goal", _goal(answers)),)
    question = in_english(request.question.lower())
    for name, pattern, arguments in RULES:
        if name in request.tools and (name == request.forced or (not request.forced and re.search(pattern, question))):
            tool = request.tools[name]
            made = arguments(question, tool) or make_arguments(tool.get("parameters"), request.question)
            return (FunctionCall(name, made),)
    return None


def in_english(question: str) -> str:
    """Translate the German words of the page's prompts that the rules need."""
    for german, english in GERMAN.items():
        question = question.replace(german, english)
    return question


def _properties(tool: Tool) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = tool.get("parameters") or {}
    return parameters.get("properties") or {}


def _known(tool: Tool, name: str) -> list[str]:
    return _properties(tool).get(name, {}).get("enum") or []


def _of_category(question: str, tool: Tool) -> Arguments:
    if not (known := _known(tool, "category")):
        return {}
    chosen = next((name for name in known if name.rstrip("s") in question), "all" if "all" in known else known[0])
    return {"category": chosen}


def _months(question: str) -> int:
    if number := re.search(r"(\d+) months?", question):
        return int(number[1])
    return 12 if "year" in question else 1


def _spending(question: str, tool: Tool) -> Arguments:
    category = _of_category(question, tool)
    return {**category, "months": _months(question)} if category else {}


def _page(question: str, tool: Tool) -> Arguments:
    known = _known(tool, "page")
    return {"page": next((name for name in known if name.rstrip("s") in question), known[0])} if known else {}


def _goal(answers: Mapping[str, str]) -> Arguments:
    values = list(answers.values())
    digits = re.sub(r"\D", "", values[0]) if values else ""
    months = _months(values[1]) if len(values) > 1 else 12
    goal = next(iter(answers), "").rpartition(":")[0] or "My goal"
    return {"goal": goal, "amount_dollars": int(digits or 0), "months": months}


def _transfer(question: str, tool: Tool) -> Arguments:
    """Return a transfer from the account that the question names first, or from cash, to the other one."""
    known = _known(tool, "target")
    named = sorted((question.index(name), name) for name in known if name in question)
    amount = re.search(r"\$? ?(\d[\d,]*(?:\.\d+)?)", question)
    if not named or not amount:
        return {}
    order = [name for _, name in named][:2]
    if len(order) == 1:
        order = [next(name for name in known if name != order[0]), order[0]]
    dollars = float(amount[1].replace(",", ""))
    return {"amount_dollars": int(dollars) if dollars.is_integer() else dollars, "source": order[0], "target": order[1]}


def decision(text: str) -> str | None:
    """Return the answer to a note about an approval that was decided; None for any other text."""
    if "[Approval " not in text:
        return None
    if "was carried out, once" in text:
        moved = re.search(r'\\"moved\\": \\"([^"\\]+)\\"', text)
        return f"Done: {moved[1]} was moved." if moved else "You approved it; it was not possible."
    if "denied this call" in text:
        return "I left it, as you said."
    return "I do not know whether it was done. Please look at your accounts."


def _nothing(_question: str, _tool: Tool) -> Arguments:
    return {}


RULES: tuple[tuple[str, str, Callable[[str, Tool], Arguments]], ...] = (
    ("transfer", r"\b(move|transfer)\b.*\d", _transfer),
    ("open_page", r"\bopen\b", _page),
    ("highlight", r"\bhighlight\b", _of_category),
    ("set_budget", r"\b(set|change) .*\bbudget\b", _of_category),
    ("budgets", r"\bbudgets?\b", _nothing),
    ("goals", r"\b(my goals|goal .* going|am i on track)\b", _nothing),
    ("ask_about_goal", r"\b(goal|sav(e|ing) (up )?for)\b", lambda question, _tool: {"goal": question[:60]}),
    ("analyze_spending", r"\banaly[sz]e\b", lambda question, _tool: {"months": max(_months(question), 6)}),
    ("spending_by_category", r"\b(spen[dt]|spending|grocer\w+|dining|rent|cost)\b", _spending),
    ("balances", r"\b(balances?|accounts?|savings?|worth|money do i have|how much is in)\b", _nothing),
)


def describe_output(output: str) -> str | None:
    """Return the answer to the output of one of the coach's tools; None for an output without numbers."""
    try:
        result = json.loads(output)
    except json.JSONDecodeError:
        return None
    match result:
        case {"category": category, "months": months, "total": total, "purchases": purchases}:
            period = "the last month" if months == 1 else f"the last {months} months"
            where = "in all categories" if category == "all" else f"on {category}"
            return f"You spent {total} {where} in {period}, in {purchases} purchases."
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
        case {"goals": goals}:
            lines = ", ".join(f"{each['needed_per_month']} a month for {each['goal']}" for each in goals)
            return f"Your goals need {lines}." if lines else "You have saved no goal yet."
        case {"needed_per_month": needed, "saved_per_month": saved, "months": months}:
            return f"That takes {needed} a month for {months} months. You save {saved} a month now."
        case _:
            return None
