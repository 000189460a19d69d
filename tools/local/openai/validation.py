"""What the stand-in for OpenAI's API refuses before a model would see it, as OpenAI refuses it."""

from __future__ import annotations

from typing import Any, cast

from tools.local.openai.simulations import Failure

MODELS = ("gpt-5.1", "gpt-5.1-mini", "gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini")
REASONING_MODELS = ("gpt-5",)


def unauthorized(authorization: str) -> Failure | None:
    """Return a 401 unless the header carries a bearer key."""
    kind, _, key = authorization.partition(" ")
    if kind.lower() == "bearer" and key:
        return None
    return Failure(401, "You didn't provide an API key.")


def checked(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/responses`, or what is wrong with it."""
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


def checked_chat(parsed: Any) -> dict[str, Any] | Failure:
    """Return the body of `POST /v1/chat/completions`, or what is wrong with it."""
    body = checked(parsed)
    if isinstance(body, dict) and not body.get("messages"):
        return Failure(400, "Missing required parameter: 'messages'.", "missing_required_parameter", param="messages")
    return body


def _reasoning_fault(body: dict[str, Any]) -> Failure | None:
    """Refuse what OpenAI refuses about reasoning items of a request that stores nothing."""
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
