"""Validation of requests to the local model, as strict as OpenAI's, of the whole input. No I/O.

    body = validate(json.loads(data))     # or the Failure that OpenAI answers

Everything that a client sends again is checked again: a request whose oldest message has a damaged image is refused
like one whose newest has. Sources: OpenAI's API reference, and error messages in public reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from tools.local.openai.message_parts import invalid, missing, part_fault, prompt_fault, words
from tools.local.openai.request import parts_of, reasons
from tools.local.openai.simulations import Failure

Item = Mapping[str, Any]

PARAMETERS = words(
    "background context_management conversation include input instructions max_output_tokens max_tool_calls metadata "
    "model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text "
    "tool_choice tools top_logprobs top_p truncation user"
)
INCLUDES = words(
    "file_search_call.results web_search_call.results web_search_call.action.sources "
    "message.input_image.image_url computer_call_output.output.image_url code_interpreter_call.outputs "
    "reasoning.encrypted_content message.output_text.logprobs"
)
EFFORTS = words("none minimal low medium high xhigh max")
ROLES = frozenset({"user", "assistant", "system", "developer"})
INPUT_PARTS = ("input_text", "input_image", "input_file")
OUTPUT_PARTS = ("output_text", "refusal")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_ID_CHARACTERS = 64
NO_PARAMETERS: Item = {"type": "object", "properties": {}}


def validate(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/responses`, or the error for an invalid one."""
    body = cast(dict[str, Any], parsed) if isinstance(parsed, dict) else {}
    if fault := common_fault(body):
        return fault
    if unknown := next((name for name in body if name not in PARAMETERS), None):
        return Failure(400, f"Unknown parameter: '{unknown}'.", "unknown_parameter", param=unknown)
    if body.get("previous_response_id"):
        message = f"Previous response with id '{body['previous_response_id']}' not found."
        return Failure(400, message, "previous_response_not_found", param="previous_response_id")
    if not body.get("input"):
        return missing("input")
    return _options_fault(body) or tools_fault(body) or _input_fault(body) or body


def common_fault(body: dict[str, Any]) -> Failure | None:
    """Return the error for a parameter that both APIs have."""
    if not body.get("model"):
        return missing("model")
    if not isinstance(body["model"], str):
        return invalid("Invalid type for 'model': expected a string.", "model")
    for name, kind in (("stream", bool), ("store", bool), ("instructions", str), ("tools", list), ("messages", list)):
        if body.get(name) is not None and not isinstance(body[name], kind):
            return invalid(f"Invalid type for '{name}': expected {kind.__name__}.", name)
    return None


def _options_fault(body: dict[str, Any]) -> Failure | None:
    thinks = reasons(body["model"])
    for value in body.get("include") or ():
        if value not in INCLUDES:
            return invalid(f"Invalid value: '{value}'.", "include")
    if "reasoning.encrypted_content" in (body.get("include") or ()) and not thinks:
        return Failure(400, "Encrypted content is not supported with this model.", param="include")
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if effort is not None and effort not in EFFORTS:
        return invalid(f"Invalid value: '{effort}'.", "reasoning.effort")
    if effort is not None and not thinks:
        message = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
        return Failure(400, message, "unsupported_parameter", param="reasoning.effort")
    return None


def tools_fault(body: dict[str, Any]) -> Failure | None:
    """Return the error for a tool's name or schema, or for a choice of a tool that the request does not have."""
    names: list[str] = []
    tools: list[Any] = body.get("tools") or []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or "type" not in tool:
            return missing(f"tools[{index}].type")
        function = cast(dict[str, Any], tool)
        if function["type"] != "function":
            continue
        name, parameters = function.get("name"), cast(Item, function.get("parameters") or NO_PARAMETERS)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return invalid(f"Invalid 'tools[{index}].name': string does not match pattern.", f"tools[{index}].name")
        if parameters.get("type") != "object":
            message = f"Invalid schema for function '{name}': schema must have type 'object'."
            return Failure(400, message, "invalid_function_parameters", param=f"tools[{index}].parameters")
        if function.get("strict") and (fault := _strict_fault(name, parameters, index)):
            return fault
        if name in names:
            return invalid(f"Tool names must be unique: '{name}'.", "tools")
        names.append(name)
    choice = body.get("tool_choice")
    wanted = (choice.get("name") or (choice.get("function") or {}).get("name")) if isinstance(choice, dict) else None  # pyright: ignore
    if wanted and wanted not in names:
        return invalid(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")
    return None


def _strict_fault(name: str, schema: Item, index: int) -> Failure | None:
    """Return the error for a strict schema whose objects are open or have optional properties."""
    for each in _schemas(schema):
        properties: Item = each.get("properties") or {}
        if each.get("type") != "object":
            continue
        absent = next((key for key in properties if key not in (each.get("required") or ())), None)
        fault = f"'required' must include every key in properties. Missing '{absent}'." if absent else None
        if each.get("additionalProperties") is not False:
            fault = "'additionalProperties' is required to be supplied and to be false."
        if fault:
            message = f"Invalid schema for function '{name}': In context=(), {fault}"
            return Failure(400, message, "invalid_function_parameters", param=f"tools[{index}].parameters")
    return None


def _schemas(schema: Any) -> Iterator[Item]:
    if isinstance(schema, dict):
        found = cast(dict[str, Any], schema)
        yield found
        for each in found.values():
            yield from _schemas(each)
    elif isinstance(schema, list):
        for each in cast(list[Any], schema):
            yield from _schemas(each)


# --- the input of the Responses API ---


def _input_fault(body: dict[str, Any]) -> Failure | None:
    sent = body["input"]
    if isinstance(sent, str):
        return prompt_fault(sent)
    if not isinstance(sent, list):
        return invalid("Invalid type for 'input': expected a string or an array.", "input")
    items = cast(list[Item], sent)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            return invalid(f"Invalid type for 'input[{index}]': expected an object.", f"input[{index}]")
        if fault := _item_fault(item, f"input[{index}]"):
            return fault
    return _reasoning_fault(items, body) or _pairs_fault(items)


def _item_fault(item: Item, place: str) -> Failure | None:
    kind = item.get("type") or ("message" if "role" in item else None)
    if kind is None:
        return missing(f"{place}.type")
    for name in ("id", "call_id"):
        if isinstance(value := item.get(name), str) and len(value) > MAX_ID_CHARACTERS:
            message = f"Invalid '{place}.{name}': string too long. Expected at most {MAX_ID_CHARACTERS} characters."
            return Failure(400, message, "string_above_max_length", param=f"{place}.{name}")
    match kind:
        case "message":
            return _message_fault(item, place)
        case "function_call":
            absent = next((name for name in ("call_id", "name", "arguments") if name not in item), None)
            return missing(f"{place}.{absent}") if absent else None
        case "function_call_output":
            absent = next((name for name in ("call_id", "output") if name not in item), None)
            return missing(f"{place}.{absent}") if absent else None
        case _:
            return None


def _message_fault(item: Item, place: str) -> Failure | None:
    role = item.get("role")
    if role not in ROLES:
        return invalid(f"Invalid value: '{role}'. Supported values are: {sorted(ROLES)}.", f"{place}.role")
    item_id = item.get("id")
    if item_id is not None and not str(item_id).startswith("msg"):
        message = f"Invalid '{place}.id': '{item_id}'. Expected an ID that begins with 'msg'."
        return invalid(message, f"{place}.id")
    content = item.get("content")
    if isinstance(content, str):
        return prompt_fault(content) if role == "user" else None
    if not isinstance(content, list):
        return missing(f"{place}.content")
    allowed = OUTPUT_PARTS if role == "assistant" else INPUT_PARTS
    for number, part in enumerate(parts_of(item)):
        at = f"{place}.content[{number}]"
        if part.get("type") not in allowed:
            return invalid(f"Invalid value: '{part.get('type')}'. Supported values are: {list(allowed)}.", at)
        if fault := part_fault(part, at):
            return fault
    return None


def _reasoning_fault(items: list[Item], body: dict[str, Any]) -> Failure | None:
    """Return the error for thoughts that were not stored, or that miss the item that they led to."""
    for index, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        if body.get("store") is False and not item.get("encrypted_content"):
            message = (
                f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
            )
            return Failure(404, message, param="input")
        following: Item = items[index + 1] if index + 1 < len(items) else {}
        if following.get("type") not in ("message", "function_call", "reasoning") and "role" not in following:
            message = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
            return invalid(message, "input")
    return None


def _pairs_fault(items: list[Item]) -> Failure | None:
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if lost := next((each for each in outputs if each not in calls), None):
        return invalid(f"No tool call found for function call output with call_id {lost}.", "input")
    if lost := next((each for each in calls if each not in outputs), None):
        return invalid(f"No tool output found for function call {lost}.", "input")
    return None
