"""A Responses API request as the stand-in model's rules read it. No I/O.

request = Request.read(body)
request.question            # the user's own last words
request.tool_output         # ("balances", '{"accounts": …}') when a tool has just answered
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORM = "A structured input request"
QUOTED = "The user is referring to this"
NOT_SAID = (
    "The following graphical UI widget",
    "Hidden context for the agent",
    "A message was displayed to the user",
    FORM,
    QUOTED,
    "# User-provided context",
    "[A picture that you generated",
)
"""How ChatKit's converter begins what it tells the model in the user's role."""


@dataclass(frozen=True)
class Request:
    """What the rules look at."""

    instructions: str
    includes: tuple[str, ...]
    summarizes: bool
    items: tuple[Mapping[str, Any], ...]
    tools: Mapping[str, Mapping[str, Any]]
    forced: str | None
    """The tool that must be called, when the request names one."""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Request:
        """Read a request's body; a plain string as `input` is a user message."""
        given: str | list[Mapping[str, Any]] = body.get("input") or []
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
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
    def said(self) -> list[Mapping[str, Any]]:
        """The user's own messages, oldest first."""
        users = [item for item in self.items if item.get("role") == "user"]
        return [item for item in users if not text_of(item).startswith(NOT_SAID)]

    @property
    def questions(self) -> list[str]:
        """What the user said, oldest first."""
        return [text for item in self.said if (text := text_of(item))]

    @property
    def question(self) -> str:
        return self.questions[-1] if self.questions else ""

    @property
    def attachments(self) -> list[Mapping[str, Any]]:
        """The parts after the words of the last user message."""
        return parts_of(self.said[-1])[1:] if self.said else []

    @property
    def quoted(self) -> str | None:
        """The text that the last message refers to."""
        texts = [text_of(item) for item in self.items[-2:]]
        return next((text.partition("\n")[2] for text in texts if text.startswith(QUOTED)), None)

    @property
    def form_answers(self) -> dict[str, str] | None:
        """The answers of a form that was just sent, by question; empty when it was skipped."""
        text = text_of(self.items[-1]) if self.items else ""
        if not text.startswith(FORM) or "status: pending" in text:
            return None
        answered = re.findall(r"^- (.+): (.+)$", text, re.MULTILINE) if "status: answered" in text else []
        return {question: answer for question, answer in answered if answer not in ("skipped", "unanswered")}

    @property
    def tool_output(self) -> tuple[str, str] | None:
        """The name and the output of the call that ends the input, if a call ends it."""
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
