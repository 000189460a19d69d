"""Validation of Chat Completions requests: OpenAI's rules, and those of stricter endpoints. No I/O.

body = validate_chat(json.loads(data))                  # or the Failure that OpenAI answers
strict_messages_fault(body["messages"])                 # the Failure of an endpoint with a strict chat template
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tools.local.openai.message_parts import decoded, file_fault, image_fault, invalid, missing, prompt_fault
from tools.local.openai.simulations import Failure
from tools.local.openai.validation import ROLES, common_fault, tools_fault

Item = Mapping[str, Any]


def validate_chat(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/chat/completions`, or the error for an invalid one."""
    body = cast(dict[str, Any], parsed) if isinstance(parsed, dict) else {}
    if fault := common_fault(body):
        return fault
    if not body.get("messages"):
        return missing("messages")
    if body.get("tools") and _name(body["model"]).startswith("gpt-6.1"):
        return invalid("Tool calling requires the Responses API with this model.", "tools")
    functions = {**body, "tools": [_flat(tool) for tool in body.get("tools") or ()]}
    return tools_fault(functions) or _messages_fault(body["messages"]) or body


def strict_messages_fault(messages: list[Item]) -> Failure | None:
    """Return the error of endpoints that are stricter than OpenAI: vLLM with many chat templates, Mistral, Bedrock.

    After the system message, the roles alternate and begin with the user's, and no content is empty.
    """
    turns = [each for each in messages if each.get("role") not in ("system", "developer")]
    if any(each.get("role") in ("system", "developer") for each in messages[1:]):
        return invalid("The system message must be the first one.", "messages")
    expected = "user"
    for each in turns:
        role = each.get("role")
        if role != "tool" and not each.get("tool_calls") and not _text(each).strip():
            return invalid("The content of a message is empty.", "messages")
        if role == "tool":
            expected = "assistant"
            continue
        if role != expected:
            return invalid("Conversation roles must alternate user/assistant/user/assistant/...", "messages")
        expected = "user" if role == "assistant" else "assistant"
    return None


def _messages_fault(messages: list[Item]) -> Failure | None:
    waiting: list[str] = []
    for index, message in enumerate(messages):
        place, role = f"messages[{index}]", message.get("role")
        if role not in (*ROLES, "tool"):
            return invalid(f"Invalid value: '{role}'.", f"{place}.role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                fault = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                return invalid(f"Invalid parameter: {fault}", f"{place}.role")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = [call.get("id") for call in message.get("tool_calls") or ()]
        if message.get("content") is None and not waiting:
            return invalid(f"Invalid value for 'content': expected a string, got null ({place}).", place)
        if fault := _chat_parts_fault(message, place):
            return fault
    if waiting:
        fault = "An assistant message with 'tool_calls' must be followed by tool messages responding to each call: "
        return invalid(fault + ", ".join(waiting), "messages")
    return None


def _chat_parts_fault(message: Item, place: str) -> Failure | None:
    if isinstance(content := message.get("content"), str):
        return prompt_fault(content) if message["role"] == "user" else None
    for number, part in enumerate(cast(list[Item], content or ())):
        at = f"{place}.content[{number}]"
        match part.get("type"):
            case "text":
                fault = prompt_fault(part.get("text", "")) if message["role"] == "user" else None
            case "image_url":
                fault = image_fault(part.get("image_url", {}).get("url"), at)
            case "file":
                file: Item = part.get("file") or {}
                mime_type = decoded(str(file.get("file_data")))[0]
                fault = file_fault(file, at)
                if not fault and not file.get("file_id") and mime_type != "application/pdf":
                    fault = invalid(f"Invalid file: {mime_type} is not supported, only application/pdf.", at)
            case "refusal" | "input_audio":
                fault = None
            case kind:
                fault = invalid(f"Invalid value: '{kind}'.", at)
        if fault:
            return fault
    return None


def _flat(tool: Any) -> Any:
    """Return a tool of Chat Completions in the form of the Responses API."""
    return {"type": tool.get("type"), **(tool.get("function") or {})} if isinstance(tool, dict) else tool  # pyright: ignore


def _text(message: Item) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "file")) for part in content)


def _name(model: str) -> str:
    return model.rpartition("/")[2]
