"""A model of the Responses API that adapts to what the endpoint refuses, whatever the model is called.

    support = ModelSupport(default="gpt-6.1-terra")                        # one per process
    model = AdaptingModel("gpt-6-luna", client, support, on_missing)       # one per turn
    Agent(model=model, model_settings=ModelSettings(store=False, response_include=[THOUGHTS]))

Theory. Whether a model thinks, or knows an effort, cannot be read off its name. A request therefore has all options. If
the endpoint refuses one (400 that names it), the request is repeated without it, and the process remembers that for
this model. A model that no longer exists (404) is replaced by the default one. Nothing is repeated after the first
event.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import openai
from agents import ModelSettings, OpenAIResponsesModel, TResponseInputItem
from agents.items import ModelResponse, TResponseStreamEvent
from agents.models.interface import Model

THOUGHTS = "reasoning.encrypted_content"
"""Thoughts that accompany a tool's output in the next request. With `store=False` the endpoint does not have them."""
MAX_ATTEMPTS = 4
GONE_SECONDS = 600.0
"""Seconds until a missing model is tried again."""

OnMissing = Callable[[str, str], Awaitable[None]]
"""Called with the name of a model that does not exist and of the one that answers instead."""


class ModelSupport:
    """Options that models refused, and models that do not exist, for the life of the process."""

    def __init__(self, default: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.default = default
        self._clock = clock
        self._refused = defaultdict[str, set[str]](set)
        self._gone_until = dict[str, float]()

    def available(self, name: str) -> str:
        """Return the model to ask: the default one if `name` does not exist."""
        return self.default if self._gone_until.get(name, 0.0) > self._clock() else name

    def supports(self, name: str, option: str) -> bool:
        """Return whether the model has not refused `include` or `reasoning` in this process."""
        return option not in self._refused[name]

    def adapt(self, name: str, settings: ModelSettings) -> ModelSettings:
        """Return the settings without the options that the model refused."""
        if not self.supports(name, "include") and settings.response_include:
            kept = [each for each in settings.response_include if each != THOUGHTS]
            settings = replace(settings, response_include=kept or None)
        return settings if self.supports(name, "reasoning") else replace(settings, reasoning=None)

    def learn(self, name: str, sent: ModelSettings, error: openai.APIStatusError) -> bool:
        """Remember the reason of a refusal. Return whether the same request can succeed in another form."""
        if is_missing_model(error):
            if name == self.default:
                return False
            self._gone_until[name] = self._clock() + GONE_SECONDS
            return True
        options = {"include": THOUGHTS in (sent.response_include or ()), "reasoning": sent.reasoning is not None}
        refused = next((each for each, was_sent in options.items() if was_sent and _names(error, each)), None)
        if refused is not None:
            self._refused[name].add(refused)
        return refused is not None


class AdaptingModel(Model):
    """One model for the Agents SDK. The caller closes the client."""

    def __init__(
        self,
        name: str,
        client: openai.AsyncOpenAI,
        support: ModelSupport | None = None,
        on_missing: OnMissing | None = None,
    ) -> None:
        self._name = name
        self._client = client
        self._support = support or ModelSupport(name)
        self._on_missing = on_missing

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        *others: Any,
        **more: Any,
    ) -> ModelResponse:
        for attempt in range(MAX_ATTEMPTS):
            name, settings = await self._choose(attempt, model_settings)
            inner = OpenAIResponsesModel(name, self._client)
            try:
                return await inner.get_response(system_instructions, usable(input), settings, *others, **more)
            except openai.APIStatusError as error:
                if not self._support.learn(name, settings, error):
                    raise
        raise RuntimeError("the endpoint refuses the request in every form")

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        *others: Any,
        **more: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        for attempt in range(MAX_ATTEMPTS):
            name, settings = await self._choose(attempt, model_settings)
            inner, started = OpenAIResponsesModel(name, self._client), False
            try:
                async for event in inner.stream_response(system_instructions, usable(input), settings, *others, **more):
                    started = True
                    yield event
                return
            except openai.APIStatusError as error:
                if started or not self._support.learn(name, settings, error):
                    raise
        raise RuntimeError("the endpoint refuses the request in every form")

    async def _choose(self, attempt: int, settings: ModelSettings) -> tuple[str, ModelSettings]:
        name = self._support.available(self._name)
        if name != self._name and self._on_missing is not None:
            await self._on_missing(self._name, name)
        return name, self._support.adapt(name, settings)


def is_missing_model(error: BaseException | None) -> bool:
    """Return whether an error means that the model was shut down or never existed."""
    return isinstance(error, openai.NotFoundError) and (error.code == "model_not_found" or error.param == "model")


def usable(input: str | list[TResponseInputItem]) -> str | list[TResponseInputItem]:
    """Return the input without thoughts that the endpoint neither stored nor encrypted: it would look for them."""
    if isinstance(input, str):
        return input
    return [item for item in input if item.get("type") != "reasoning" or item.get("encrypted_content")]


def _names(error: openai.APIStatusError, option: str) -> bool:
    """Return whether a 400 or 422 is about an option. Endpoints other than OpenAI name it in their message only."""
    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return False
    if error.param:
        return error.param.partition(".")[0].partition("[")[0] == option
    words = {"include": ("include", "encrypted"), "reasoning": ("reasoning",)}[option]
    return any(word in str(error).lower() for word in words)
