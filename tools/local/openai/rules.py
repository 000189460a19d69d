"""Rules for the local model's answers to Responses API requests, for any assistant. No I/O.

    script = respond({"model": "any", "input": 'call look_up_order {"id": 17}', "tools": [...]})
    script.outputs                # (FunctionCall(name="look_up_order", arguments={"id": 17}),)

In this order: simulated trouble (`simulate …`), answers to tool outputs, titles, `repeat: …`, received files,
`call NAME {…}`, the tool that the request requires, Spendo's scripts if the request is Spendo's, the tool whose name
has a word of the question, a picture, a quotation. Otherwise the model names itself and repeats the question.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from tools.local.files import PNG
from tools.local.openai import spendo
from tools.local.openai.arguments import make_arguments
from tools.local.openai.message_parts import words
from tools.local.openai.request import Request, reasons
from tools.local.openai.responses import FunctionCall, Image, Message, Output, Reasoning
from tools.local.openai.simulations import SIMULATIONS, Failure, Script

PICTURE = base64.b64encode(PNG).decode()
SOURCE = ("https://example.com/budget", "Budget guide")
NAME = "(local model)"
ABOUT = (
    "I am a stand-in on this machine, without knowledge. Set OPENAI_API_KEY for real answers, or write "
    'call NAME {"argument": 1} to call a tool.'
)
CALL = re.compile(r"\bcall ([\w-]+)\s*(?=\{|$|[\s.,;])")
TITLE = re.compile(r"\btitle (of|for)\b|\bwrite a (short )?title\b", re.IGNORECASE)
COMMON = words(
    "a about all an and are as ask at be by can do for from get give has have how i in is it its let list make me my "
    "new no not of on or out please run set show tell that the them then there this to tool up use what when where "
    "which who why will with you your"
)
"""Words that select no tool."""


def respond(body: Mapping[str, Any]) -> Script | Failure:
    """Return the answer to a request, or the HTTP error that it simulates."""
    request = Request.read(body)
    if simulation := re.search(r"\bsimulate (\w+)(?: (\d+(?:\.\d+)?))?", request.question, re.IGNORECASE):
        scene = SIMULATIONS.get(simulation[1].lower())
        return scene(simulation[2] or "") if scene else _say("I can simulate: " + ", ".join(SIMULATIONS) + ".")
    if outputs := request.tool_outputs:
        remaining = () if request.parallel else _ordered_calls(request)[request.calls :]
        return Script(remaining[:1]) if remaining else _say(_describe_outputs(request, outputs))
    if decided := spendo.decision(request.last_note):
        return _say(decided)
    if TITLE.search(request.instructions) and not request.tools:
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
        return Script((_thought(request), *outputs) if "think" in question and reasons(request.model) else outputs)
    if unknown := next(iter(CALL.findall(request.question)), None):
        return _say(f"{NAME} This request has no tool {unknown}. It has: {', '.join(request.functions) or 'none'}.")
    if request.quoted:
        return _say(f"You refer to “{request.quoted}”.")
    return _say(spendo.GREETING if spendo.is_spendo(request) else _introduce(request))


def _introduce(request: Request) -> str:
    said = f"You said: “{request.question}”. " if request.question else ""
    known = f" This request has the tools {', '.join(request.functions)}." if request.functions else ""
    return f"{NAME} {said}{ABOUT}{known}"


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


def _describe_outputs(request: Request, outputs: list[tuple[str, str]]) -> str:
    plain = [f"{name} answered: {output}" for name, output in outputs]
    if not spendo.is_spendo(request):
        return "\n".join(f"{NAME} {each}" for each in plain)
    return "\n".join(spendo.describe_output(output) or each for (_, output), each in zip(outputs, plain, strict=True))


# --- attachments: name each one that arrived ---


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


# --- tools: calls that the text asks for ---


def tool_calls(request: Request) -> tuple[Output, ...] | None:
    """Return the calls that the user's text asks for or that the request requires."""
    if ordered := _ordered_calls(request):
        return ordered if request.parallel else ordered[:1]
    if spendo.is_spendo(request):
        return spendo.tool_calls(request) or _hosted(request) or (_forced(request) if request.forced else None)
    return _forced(request) if request.forced else _by_name(request) or _hosted(request)


def _ordered_calls(request: Request) -> tuple[FunctionCall, ...]:
    """Return the calls of a text such as `call look_up_order {"id": 17}`, with made arguments where it gives none."""
    calls: list[FunctionCall] = []
    for found in CALL.finditer(request.question):
        if (name := found[1]) not in request.functions:
            continue
        try:
            arguments, _ = json.JSONDecoder().raw_decode(request.question, found.end())
        except json.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            arguments = _made(request, name)
        calls.append(FunctionCall(name, arguments))  # pyright: ignore[reportUnknownArgumentType]
    return tuple(calls)


def _forced(request: Request) -> tuple[Output, ...] | None:
    if request.forced in request.functions:
        return (FunctionCall(request.forced, _made(request, request.forced)),)
    if request.forced == "required" and request.functions:
        return _by_name(request) or (FunctionCall(first := next(iter(request.functions)), _made(request, first)),)
    return _hosted(request)


def _by_name(request: Request) -> tuple[FunctionCall, ...] | None:
    """Return a call of the function whose name has most words of the question."""
    question = {_stem(word) for word in re.findall(r"[^\W_]+", request.question.lower())} - COMMON
    scores = {name: len(question & (_words_of(name) - COMMON)) for name in request.functions}
    best = max(scores, key=lambda name: scores[name], default=None)
    return (FunctionCall(best, _made(request, best)),) if best and scores[best] else None


def _words_of(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return {_stem(word) for word in re.findall(r"[^\W_]+", spaced.lower())}


def _stem(word: str) -> str:
    return word.rstrip("s") if len(word) > 3 else word


def _made(request: Request, name: str) -> dict[str, Any]:
    return make_arguments(request.functions[name].get("parameters"), request.question)


def _hosted(request: Request) -> tuple[Output, ...] | None:
    """Simulate tools that run at OpenAI; their results are part of the answer."""
    if request.forced == "web_search":
        return (Message(f"See the {SOURCE[1]}.", url_citations=(SOURCE,)),)
    wanted = request.forced == "image_generation" or re.search(r"\b(draw|paint|picture)\b", request.question.lower())
    if wanted and (tool := request.tools.get("image_generation")):
        partials = (PICTURE,) * int(tool.get("partial_images") or 0)
        return Image(PICTURE, partials), Message("Here is your picture. Keep it where you see it.")
    return None
