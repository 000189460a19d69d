"""What the stand-in model says: rules over a Responses API request. No I/O.

    script = play({"model": "gpt-5-mini", "input": "How much did I spend on groceries?", "tools": [...]})
    script.outputs                # (FunctionCall(name="spending_by_category", …),)

It plays the Spendo coach: it calls the request's tools when the user's words ask for them, answers from what the tools
returned, remembers the conversation it is sent, describes files it receives, and misbehaves on demand. It invents no
number. Messages that ask for trouble (`simulate …`) are listed in `local.model_trouble.SIMULATIONS`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.model_trouble import SIMULATIONS, Failure, Script
from local.responses_events import FunctionCall, Message, Reasoning

NOT_SAID = (
    "The following graphical UI widget",
    "Hidden context for the agent",
    "A message was displayed to the user",
    "A structured input request",
    "The user is referring to this",
    "# User-provided context",
    "[A picture that you generated",
)
"""How ChatKit's converter begins what it tells the model in the user's role."""
GREETING = (
    "I am Spendo, your money coach. Ask me what you spent on groceries, dining or travel, "
    "what your balances are, or send me a receipt. I only quote numbers that your accounts gave me."
)


@dataclass(frozen=True)
class Request:
    """What the rules look at."""

    instructions: str
    includes: tuple[str, ...]
    summarizes: bool
    items: tuple[Mapping[str, Any], ...]
    tools: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Request:
        """Read a request's body; a plain string as `input` is a user message."""
        given: str | list[Mapping[str, Any]] = body.get("input") or []
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        tools: list[Mapping[str, Any]] = body.get("tools") or []
        reasoning: Mapping[str, Any] = body.get("reasoning") or {}
        return cls(
            instructions=body.get("instructions") or "",
            includes=tuple(body.get("include") or ()),
            summarizes=bool(reasoning.get("summary")),
            items=tuple(items),
            tools={tool.get("name", tool["type"]): tool for tool in tools},
        )

    @property
    def said(self) -> list[Mapping[str, Any]]:
        """The user's own messages, oldest first."""
        users = [item for item in self.items if item.get("role") == "user"]
        return [item for item in users if not _text(item).startswith(NOT_SAID)]

    @property
    def questions(self) -> list[str]:
        """What the user said, oldest first."""
        return [text for item in self.said if (text := _text(item))]

    @property
    def question(self) -> str:
        return self.questions[-1] if self.questions else ""

    @property
    def attachments(self) -> list[Mapping[str, Any]]:
        """The parts after the words of the last user message."""
        return _parts(self.said[-1])[1:] if self.said else []

    @property
    def tool_output(self) -> tuple[str, str] | None:
        """The name and the output of the call that ends the input, if a call ends it."""
        if not self.items or self.items[-1].get("type") != "function_call_output":
            return None
        last = self.items[-1]
        names = {item["call_id"]: item["name"] for item in self.items if item.get("type") == "function_call"}
        output = last["output"]
        text = output if isinstance(output, str) else _text({"content": output})
        return names.get(last["call_id"], "a tool"), text


def play(body: Mapping[str, Any]) -> Script | Failure:
    """Answer a request."""
    request = Request.read(body)
    if simulation := re.search(r"\bsimulate (\w+)(?: (\d+(?:\.\d+)?))?", request.question, re.IGNORECASE):
        scene = SIMULATIONS.get(simulation[1].lower())
        return scene(simulation[2] or "") if scene else _say("I can simulate: " + ", ".join(SIMULATIONS) + ".")
    if request.tool_output:
        return _say(_from_tool(*request.tool_output))
    if "title" in request.instructions.lower() and not request.tools:
        return _say(_title(request.question))
    return _converse(request)


def _converse(request: Request) -> Script:
    question = request.question.lower()
    if request.attachments:
        return _say("Thank you, I received " + " and ".join(_describe(part) for part in request.attachments) + ".")
    if re.search(r"\b(did|have) i (just )?(ask|say|said)", question):
        return _say(_recall(request.questions[:-1]))
    for name, pattern, arguments in TOOL_RULES:
        if name in request.tools and re.search(pattern, question):
            call = FunctionCall(name, arguments(question, request.tools[name]))
            return Script((_thought(request, name), call) if "think" in question else (call,))
    return _say(GREETING)


def _thought(request: Request, tool: str) -> Reasoning:
    """Summaries come when asked for, the encrypted thoughts too: https://platform.openai.com/docs/guides/reasoning."""
    encrypted = "gAAAA-thoughts" if "reasoning.encrypted_content" in request.includes else None
    return Reasoning((f"The numbers have to come from {tool}.",) if request.summarizes else (), encrypted)


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


# Tools: which words call which, with what arguments.


def _spending_arguments(question: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    known = tool["parameters"]["properties"]["category"].get("enum", [])
    category = next((name for name in known if name.rstrip("s") in question), "all")
    return {"category": category, "months": _months(question)}


def _months(question: str) -> int:
    if number := re.search(r"(\d+) months?", question):
        return int(number[1])
    return 12 if "year" in question else 1


TOOL_RULES: tuple[tuple[str, str, Callable[[str, Mapping[str, Any]], dict[str, Any]]], ...] = (
    ("spending_by_category", r"\b(spen[dt]|spending|grocer\w+|dining|rent|cost)\b", _spending_arguments),
    ("balances", r"\b(balances?|accounts?|savings?|worth|money do i have)\b", lambda _question, _tool: {}),
)


def _from_tool(name: str, output: str) -> str:
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
        case _:
            return f"{name} answered: {output}"


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


def _parts(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content: str | list[Mapping[str, Any]] = item.get("content") or []
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def _text(item: Mapping[str, Any]) -> str:
    parts = _parts(item)
    return str(parts[0].get("text", "")) if parts else ""
