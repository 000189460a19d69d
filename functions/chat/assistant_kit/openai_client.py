"""OpenAI's client without the work that it does for plain JSON, a large part of a turn's processor time.

    client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)    # in place of AsyncOpenAI

Theory. `create` walks input and tools along their TypedDicts in every request to rename fields and to convert objects
(`make profile` shows it). Neither has a field that is renamed, and the Agents SDK passes plain JSON.
What goes by `extra_body` is sent as it is, so plain JSON goes there; the body is the same byte for byte.
`tests/unit/assistant_kit/test_openai_client.py` compares the bodies and the types, and fails if a new version of
`openai` needs the walk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property, wraps
from typing import Any

import openai
from httpx2 import Limits
from openai.resources.chat import AsyncChat
from openai.resources.responses import AsyncResponses

KEEP_ALIVE_SECONDS = 240.0
"""Time that an unused connection stays open: less than the 350 s of AWS's NAT gateways, more than a user reads. The
default of 5 s would open a new TLS connection in almost every turn."""


class OpenAIClient(openai.AsyncOpenAI):
    """`AsyncOpenAI` with the same arguments, for Responses and Chat Completions."""

    def __init__(self, **options: Any) -> None:
        if options.get("http_client") is None:
            limits = Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=KEEP_ALIVE_SECONDS)
            options["http_client"] = openai.DefaultAsyncHttpxClient(limits=limits)
        super().__init__(**options)

    @cached_property
    def responses(self) -> AsyncResponses:  # pyright: ignore[reportIncompatibleMethodOverride]
        responses = super().responses
        responses.create = _as_json(responses.create, "input", "tools")
        return responses

    @cached_property
    def chat(self) -> AsyncChat:  # pyright: ignore[reportIncompatibleMethodOverride]
        chat = super().chat
        chat.completions.create = _as_json(chat.completions.create, "messages", "tools")
        return chat


def _as_json(create: Callable[..., Awaitable[Any]], *names: str) -> Any:
    """Return `create` that sends these lists unchanged if they are JSON."""

    @wraps(create)
    async def sent_as_json(**given: Any) -> Any:
        plain = {name: given[name] for name in names if isinstance(given.get(name), list) and _is_json(given[name])}
        if plain:  # the empty lists keep the fields' places in the body, and required arguments present
            given |= dict.fromkeys(plain, ()) | {"extra_body": {**plain, **(given.get("extra_body") or {})}}
        return await create(**given)

    return sent_as_json


def _is_json(value: Any) -> bool:
    """Return whether a value is JSON; other objects, such as pydantic models, still need the walk."""
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        return all(map(_is_json, value))  # pyright: ignore[reportUnknownArgumentType]
    return value is None or isinstance(value, str | int | float)
