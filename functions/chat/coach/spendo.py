"""Spendo: one agent with tools over the user's accounts, on OpenAI's Responses API.

Nothing is kept at OpenAI (`store=False`), so deleting a thread here deletes it; each request carries the thread's
newest items instead of a `previous_response_id`, and the SDK's tracing, which would send content out, is off.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, date, datetime

import openai
from agents import Agent, ModelSettings, OpenAIResponsesModel, RunConfig, Runner
from agents.exceptions import AgentsException, ModelRefusalError
from agents.models import get_default_model_settings, gpt_5_reasoning_settings_required
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api.assistant import AssistantSettings, Turn
from coach.context import CoachContext
from coach.failures import explain
from coach.history import newest_items, whole_attachments
from coach.instructions import INSTRUCTIONS
from coach.run_events import run_events
from coach.thread_items import CoachItemConverter
from coach.titles import suggest_title
from coach.tools import TOOLS

logger = logging.getLogger(__name__)

MAX_MODEL_CALLS = 8
SILENCE_LIMIT_SECONDS = 120.0
CONNECT_LIMIT_SECONDS = 5.0


def _today() -> date:
    return datetime.now(UTC).date()


class Spendo:
    """The coach; one per process, for all users. `close()` it when the process ends."""

    def __init__(self, settings: AssistantSettings, today: Callable[[], date] = _today) -> None:
        self._today = today
        self._model = settings.openai_model
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key,
            base_url=settings.openai_base_url,
            timeout=openai.Timeout(SILENCE_LIMIT_SECONDS, connect=CONNECT_LIMIT_SECONDS),
        )
        self._agent = Agent[CoachContext](
            name="Spendo",
            instructions=INSTRUCTIONS,
            tools=TOOLS,
            model=OpenAIResponsesModel(self._model, self._client),
            model_settings=_model_settings(self._model),
        )

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer the thread as it is stored, the user's message included."""
        context = CoachContext(thread=thread, store=turn.store, request_context=turn.context, today=self._today())
        items = await newest_items(turn.store, thread.id, turn.context)
        converter = CoachItemConverter(turn.attachment_content, whole_attachments(items))
        result = Runner.run_streamed(
            self._agent,
            await converter.to_agent_input(items),
            context=context,
            max_turns=MAX_MODEL_CALLS,
            run_config=RunConfig(tracing_disabled=True, trace_include_sensitive_data=False),
        )
        turn.on_stop(result.cancel)
        try:
            async with aclosing(run_events(context, result)) as events:
                async for event in events:
                    yield event
        except ModelRefusalError:
            logger.info("the model refused")  # its words were the answer, and are told and stored by now
        except (openai.OpenAIError, AgentsException) as error:
            logger.warning("model failed: %s", _kind(error))
            raise explain(error) from error

    async def title(self, message: UserMessageItem) -> str | None:
        """Suggest a title for the conversation that `message` begins. Raises openai.OpenAIError."""
        words = [part.text for part in message.content]
        return await suggest_title(self._client, self._model, " ".join(words))

    async def close(self) -> None:
        """Close the connections to the model."""
        await self._client.close()


def _model_settings(model: str) -> ModelSettings:
    """Return the SDK's defaults for `model`, with nothing stored at OpenAI.

    A reasoning model's thoughts must then travel with the request that carries a tool's result, encrypted; other models
    refuse to be asked for them. https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
    """
    thoughts = ["reasoning.encrypted_content"] if gpt_5_reasoning_settings_required(model) else None
    return get_default_model_settings(model).resolve(ModelSettings(store=False, response_include=thoughts))


def _kind(error: Exception) -> str:
    """Name a failure without quoting it: class, HTTP status, OpenAI's code and request id."""
    facts = [getattr(error, name, None) for name in ("status_code", "code", "request_id")]
    return " ".join([type(error).__name__, *(str(fact) for fact in facts if fact)])
