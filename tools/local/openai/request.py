"""Requests to the local model: validation as at OpenAI, and the form that the rules use. No I/O.

body = validate(json.loads(data))     # or a Failure

request = Request.read(body)
request.question            # text of the user's last message
request.tool_output         # ("balances", '{"accounts": …}') if the input ends with a tool's output
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from tools.local.openai.simulations import Failure

MODELS = ("gpt-5.1", "gpt-5.1-mini", "gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini")
REASONING_MODELS = ("gpt-5",)
FORM = "A structured input request"
QUOTED = "The user is referring to this"
TAG = re.compile(r"</?[a-z-]+-[0-9a-f]{16}[^>]*>")
"""A tag of an envelope (`attachments_s3.envelope`)."""
CONVERTER_TEXTS = (
    "The following graphical UI widget",
    "Hidden context for the agent",
    "A message was displayed to the user",
    FORM,
    QUOTED,
    "# User-provided context",
    "[A picture that you generated",
)
"""Starts of texts that ChatKit's converter adds in the user's role; the user did not write them."""


@dataclass(frozen=True)
class Request:
    """The parts of a request that the rules use."""

    instructions: str
    includes: tuple[str, ...]
    summarizes: bool
    items: tuple[Mapping[str, Any], ...]
    tools: Mapping[str, Mapping[str, Any]]
    forced: str | None
    """The tool that the request requires, if any."""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Request:
        """Read a request's body; a plain string as `input` is a user message."""
        sent: str | list[Mapping[str, Any]] = body.get("input") or []
        items = [{"role": "user", "content": sent}] if isinstance(sent, str) else sent
        tools: list[Mapping[str, Any]] = body.get("tools") or []
        reasoning: Mapping[str, Any] = body.get("reasoning") or {}
        choice: str | Mapping[str, Any] = body.get("tool_choice") or "auto"
        forced: Mapping[str, Any] = {"name": None} if isinstance(choice, str) else choice
        return cls(
            instructions=body.get("instructions") or "",
            includes=tuple(body.get("include") or ()),
            summarizes=bool(reasoning.get("summary")),
            items=tuple(items),
            tools={tool.get("name", tool["type"]): tool for tool in tools},
            forced=forced.get("name", forced.get("type")),
        )

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """The user's own messages, oldest first."""
        users = [item for item in self.items if item.get("role") == "user"]
        return [item for item in users if not text_of(item).startswith(CONVERTER_TEXTS)]

    @property
    def questions(self) -> list[str]:
        """Texts of the user's messages, oldest first."""
        return [text for item in self.messages if (text := text_of(item))]

    @property
    def question(self) -> str:
        return self.questions[-1] if self.questions else ""

    @property
    def attachments(self) -> list[Mapping[str, Any]]:
        """The parts after the text of the last user message."""
        return parts_of(self.messages[-1])[1:] if self.messages else []

    @property
    def quoted(self) -> str | None:
        """The text that the last message quotes."""
        texts = [text_of(item) for item in self.items[-2:]]
        quoted = next((text.partition("\n")[2] for text in texts if text.startswith(QUOTED)), None)
        return TAG.sub("", quoted).strip() if quoted else quoted

    @property
    def form_answers(self) -> dict[str, str] | None:
        """Answers by question if the input ends with a submitted form; empty if it was skipped."""
        text = text_of(self.items[-1]) if self.items else ""
        if not text.startswith(FORM) or "status: pending" in text:
            return None
        answered = re.findall(r"^- (.+): (.+)$", text, re.MULTILINE) if "status: answered" in text else []
        return {question: answer for question, answer in answered if answer not in ("skipped", "unanswered")}

    @property
    def tool_output(self) -> tuple[str, str] | None:
        """Name and output of a tool call if the input ends with its output."""
        if not self.items or self.items[-1].get("type") != "function_call_output":
            return None
        last = self.items[-1]
        names = {item["call_id"]: item["name"] for item in self.items if item.get("type") == "function_call"}
        output = last["output"]
        text = output if isinstance(output, str) else text_of({"content": output})
        return names.get(last["call_id"], "a tool"), text


def parts_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content: str | list[Mapping[str, Any]] = item.get("content") or []
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def text_of(item: Mapping[str, Any]) -> str:
    parts = parts_of(item)
    return str(parts[0].get("text", "")) if parts else ""


def unauthorized(authorization: str) -> Failure | None:
    """Return a 401 unless the header contains a bearer key."""
    kind, _, key = authorization.partition(" ")
    if kind.lower() == "bearer" and key:
        return None
    return Failure(401, "You didn't provide an API key.")


def validate(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/responses`, or the error for an invalid one."""
    body = cast(dict[str, Any], parsed) if isinstance(parsed, dict) else {}
    if not body.get("model"):
        return Failure(400, "Missing required parameter: 'model'.", "missing_required_parameter", param="model")
    if body["model"] not in MODELS:
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        return Failure(404, message, "model_not_found")
    if body.get("previous_response_id"):
        message = f"Previous response with id '{body['previous_response_id']}' not found."
        return Failure(400, message, "previous_response_not_found", param="previous_response_id")
    return _reasoning_fault(body) or body


def validate_chat(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/chat/completions`, or the error for an invalid one."""
    body = validate(parsed)
    if isinstance(body, dict) and not body.get("messages"):
        return Failure(400, "Missing required parameter: 'messages'.", "missing_required_parameter", param="messages")
    return body


def _reasoning_fault(body: dict[str, Any]) -> Failure | None:
    """Return OpenAI's error for reasoning items that a request with `store: false` cannot use."""
    if "reasoning.encrypted_content" in (body.get("include") or ()) and not body["model"].startswith(REASONING_MODELS):
        return Failure(400, "Encrypted content is not supported with this model.", param="include")
    if body.get("store") is not False or isinstance(body.get("input"), str):
        return None
    for item in body.get("input") or ():
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            message = (
                f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
            )
            return Failure(404, message, param="input")
    return None


def describe(name: str) -> dict[str, Any]:
    """Return a model as `GET /v1/models` lists it."""
    return {"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "local"}
