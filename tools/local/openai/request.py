"""Requests to the local model in the form that the rules use, and the models that OpenAI lists. No I/O.

request = Request.read(body)
request.question            # text of the user's last message
request.tool_outputs        # [("balances", '{"accounts": …}')] if the input ends with a tool's output
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.local.openai.simulations import Failure

MODELS = (
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "gpt-6-luna",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-5.1",
    "gpt-4.1",
    "gpt-4o-mini",
)
"""The models that `GET /v1/models` lists. Requests may name any model."""
REASONING_MODELS = ("gpt-5", "gpt-6", "o1", "o3", "o4")
"""Beginnings of the names of models that think. The others refuse a request for encrypted reasoning, as at OpenAI."""
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

    model: str
    instructions: str
    includes: tuple[str, ...]
    summarizes: bool
    items: tuple[Mapping[str, Any], ...]
    tools: Mapping[str, Mapping[str, Any]]
    forced: str | None
    """The tool that the request requires, if any; `required` for any of them."""
    parallel: bool

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Request:
        """Read a request's body; a plain string as `input` is a user message."""
        sent: str | list[Mapping[str, Any]] = body.get("input") or []
        items = [{"role": "user", "content": sent}] if isinstance(sent, str) else sent
        tools: list[Mapping[str, Any]] = body.get("tools") or []
        reasoning: Mapping[str, Any] = body.get("reasoning") or {}
        choice: str | Mapping[str, Any] = body.get("tool_choice") or "auto"
        forced: Mapping[str, Any] = {"name": choice if choice == "required" else None}
        if not isinstance(choice, str):
            forced = choice
        return cls(
            model=str(body.get("model")),
            instructions=body.get("instructions") or "",
            includes=tuple(body.get("include") or ()),
            summarizes=bool(reasoning.get("summary")),
            items=tuple(items),
            tools={tool.get("name", tool["type"]): tool for tool in tools},
            forced=forced.get("name", forced.get("type")),
            parallel=body.get("parallel_tool_calls") is not False,
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
    def last_note(self) -> str:
        """The text of the input's last item, if it is hidden context; otherwise empty."""
        text = text_of(self.items[-1]) if self.items else ""
        return text if text.startswith("Hidden context for the agent") else ""

    @property
    def functions(self) -> dict[str, Mapping[str, Any]]:
        """The request's function tools by name."""
        return {name: tool for name, tool in self.tools.items() if tool.get("type") == "function"}

    @property
    def calls(self) -> int:
        """How many functions were called since the user's last message."""
        since = len(self.items)
        while since and self.items[since - 1].get("role") != "user":
            since -= 1
        return sum(item.get("type") == "function_call" for item in self.items[since:])

    @property
    def tool_outputs(self) -> list[tuple[str, str]]:
        """Names and outputs of the tool calls that end the input."""
        names = {item["call_id"]: item["name"] for item in self.items if item.get("type") == "function_call"}
        found: list[tuple[str, str]] = []
        for item in reversed(self.items):
            if item.get("type") != "function_call_output":
                break
            output = item["output"]
            text = output if isinstance(output, str) else text_of({"content": output})
            found.append((names.get(item["call_id"], "a tool"), text))
        return found[::-1]


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


def reasons(model: str) -> bool:
    """Return whether a model thinks; a vendor's prefix, as in `openai/gpt-6-luna`, does not count."""
    return model.rpartition("/")[2].startswith(REASONING_MODELS)


def describe(name: str, shutdown_date: str | None = None) -> dict[str, Any]:
    """Return a model as `GET /v1/models` lists it; `shutdown_date` is a day such as `2027-04-01`."""
    facts = {"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "local"}
    return {**facts, "shutdown_date": shutdown_date}


def unknown_model(name: str) -> Failure:
    """Return OpenAI's error for a model that was shut down or never existed."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return Failure(404, message, "model_not_found")
