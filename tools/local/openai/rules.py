"""Rules for the local model's answers to Responses API requests. No I/O.

    script = respond({"model": "gpt-5-mini", "input": "How much did I spend on groceries?", "tools": [...]})
    script.outputs                # (FunctionCall(name="spending_by_category", …),)

The rules play the Spendo coach: they call the request's tools when the user's text matches, answer from the tools'
outputs, repeat parts of the conversation, describe received files, and fail on demand. Numbers always come from tools.
`tools.local.openai.simulations.SIMULATIONS` lists the messages that simulate trouble (`simulate …`).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tools.local.files import PNG
from tools.local.openai.request import Request
from tools.local.openai.responses import FunctionCall, Image, Message, Output, Reasoning
from tools.local.openai.simulations import SIMULATIONS, Failure, Script

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
GREETING = (
    "I am Spendo, your money coach. Ask me what you spent on groceries, dining or travel, "
    "what your balances are, or send me a receipt. I only quote numbers that your accounts gave me."
)


def respond(body: Mapping[str, Any]) -> Script | Failure:
    """Return the answer to a request, or the HTTP error that it simulates."""
    request = Request.read(body)
    if simulation := re.search(r"\bsimulate (\w+)(?: (\d+(?:\.\d+)?))?", request.question, re.IGNORECASE):
        scene = SIMULATIONS.get(simulation[1].lower())
        return scene(simulation[2] or "") if scene else _say("I can simulate: " + ", ".join(SIMULATIONS) + ".")
    if request.tool_output:
        return _say(describe_output(*request.tool_output))
    if "title" in request.instructions.lower() and not request.tools:
        return _say(_title(request.question))
    return _converse(request)


def _converse(request: Request) -> Script:
    question = request.question.lower()
    received = "Thank you, I received " + " and ".join(_describe(part) for part in request.attachments) + "."
    if repeat := re.search(r"\brepeat: (.+)", request.question, re.DOTALL):
        return _say(f"{repeat[1]} {received}" if request.attachments else repeat[1])
    if request.attachments:
        return _say(received)
    if re.search(r"\b(did|have) i (just )?(ask|say|said)", question):
        return _say(_recall(request.questions[:-1]))
    if request.form_answers == {}:
        return _say("That is fine. Tell me when you want to go on with it.")
    if outputs := tool_calls(request):
        return Script((_thought(request), *outputs) if "think" in question else outputs)
    if request.quoted:
        return _say(f"You refer to “{request.quoted}”.")
    return _say(GREETING)


def _thought(request: Request) -> Reasoning:
    """Return a summary and encrypted reasoning if requested: https://platform.openai.com/docs/guides/reasoning."""
    encrypted = "gAAAA-thoughts" if "reasoning.encrypted_content" in request.includes else None
    return Reasoning(("The numbers have to come from a tool.",) if request.summarizes else (), encrypted)


def _say(text: str) -> Script:
    return Script((Message(text),))


def _recall(earlier: list[str]) -> str:
    if not earlier:
        return "This is your first message in this conversation."
    before = f" Before that: “{earlier[-2]}”." if len(earlier) > 1 else ""
    return f"You asked: “{earlier[-1]}”.{before}"


def _title(question: str) -> str:
    words = " ".join(re.findall(r"[\w’'-]+", question)[:6]) or "new conversation"
    return words[0].upper() + words[1:]


# Attachments: name what arrived.


def _describe(part: Mapping[str, Any]) -> str:
    match part.get("type"):
        case "input_image":
            return "an image " + _payload(part.get("image_url"))
        case "input_file":
            name = part.get("filename") or "without a name"
            return f"the file {name} " + _payload(part.get("file_data") or part.get("file_url"))
        case "input_text":
            text = str(part["text"])
            return f"a text of {len(text)} characters that begins with “{text[:60].strip()}”"
        case other:
            return f"something of type {other}"


def _payload(source: str | None) -> str:
    if source is None:
        return "by its id"
    if not source.startswith("data:"):
        return f"by URL from {source.split('?')[0]}"
    head, _, data = source.removeprefix("data:").partition(",")
    try:
        size = len(base64.b64decode(data, validate=True))
    except binascii.Error:
        return "that is not valid base64"
    return f"({head.split(';')[0]}, {size} bytes)"


# --- tools: the calls that match the user's text, and the answers to their outputs ---


def tool_calls(request: Request) -> tuple[Output, ...] | None:
    """Return the call that the user's text matches, the request requires, or a submitted form leads to."""
    answers = request.form_answers
    if answers and "plan_goal" in request.tools:
        return (FunctionCall("plan_goal", _goal(answers)),)
    question = in_english(request.question.lower())
    for name, pattern, arguments in RULES:
        if name in request.tools and (name == request.forced or (not request.forced and re.search(pattern, question))):
            return (FunctionCall(name, arguments(question, request.tools[name])),)
    return _hosted(request, question)


def in_english(question: str) -> str:
    """Translate the German words of the page's prompts that the rules need."""
    for german, english in GERMAN.items():
        question = question.replace(german, english)
    return question


def _hosted(request: Request, question: str) -> tuple[Output, ...] | None:
    """Simulate tools that run at OpenAI; their results are part of the answer."""
    if request.forced == "web_search":
        return (Message(f"See the {SOURCE[1]}.", url_citations=(SOURCE,)),)
    wanted = request.forced == "image_generation" or re.search(r"\b(draw|paint|picture)\b", question)
    if wanted and (tool := request.tools.get("image_generation")):
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
    values = list(answers.values())
    digits = re.sub(r"\D", "", values[0]) if values else ""
    return {"amount_dollars": int(digits or 0), "months": _months(values[1]) if len(values) > 1 else 12}


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


def describe_output(name: str, output: str) -> str:
    """Return the answer to a tool's output."""
    try:
        result = json.loads(output)
    except json.JSONDecodeError:
        return f"{name} answered: {output}"
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
        case {"needed_per_month": needed, "saved_per_month": saved, "months": months}:
            return f"That takes {needed} a month for {months} months. You save {saved} a month now."
        case _:
            return f"{name} answered: {output}"
