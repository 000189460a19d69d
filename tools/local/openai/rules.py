"""What the stand-in model says: rules over a Responses API request. No I/O.

    script = play({"model": "gpt-5-mini", "input": "How much did I spend on groceries?", "tools": [...]})
    script.outputs                # (FunctionCall(name="spending_by_category", …),)

It plays the Spendo coach: it calls the request's tools when the user's words ask for them, answers from what the tools
returned, remembers the conversation it is sent, describes files it receives, and misbehaves on demand. It invents no
number. Messages that ask for trouble (`simulate …`) are listed in `tools.local.openai.simulations.SIMULATIONS`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from tools.local.openai.request import Request
from tools.local.openai.responses import Message, Reasoning
from tools.local.openai.simulations import SIMULATIONS, Failure, Script
from tools.local.openai.tool_calls import called, told

GREETING = (
    "I am Spendo, your money coach. Ask me what you spent on groceries, dining or travel, "
    "what your balances are, or send me a receipt. I only quote numbers that your accounts gave me."
)


def play(body: Mapping[str, Any]) -> Script | Failure:
    """Answer a request."""
    request = Request.read(body)
    if simulation := re.search(r"\bsimulate (\w+)(?: (\d+(?:\.\d+)?))?", request.question, re.IGNORECASE):
        scene = SIMULATIONS.get(simulation[1].lower())
        return scene(simulation[2] or "") if scene else _say("I can simulate: " + ", ".join(SIMULATIONS) + ".")
    if request.tool_output:
        return _say(told(*request.tool_output))
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
    if outputs := called(request):
        return Script((_thought(request), *outputs) if "think" in question else outputs)
    if request.quoted:
        return _say(f"You refer to “{request.quoted}”.")
    return _say(GREETING)


def _thought(request: Request) -> Reasoning:
    """Summaries come when asked for, the encrypted thoughts too: https://platform.openai.com/docs/guides/reasoning."""
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
