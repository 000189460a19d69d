"""Spendo: one agent with tools over the user's accounts, on OpenAI's Responses API.

Nothing is kept at OpenAI (`store=False`), so deleting a thread here deletes it; each request carries the thread's
newest items instead of a `previous_response_id`, and the SDK's tracing, which would send content out, is off.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import date
from typing import Any

import openai
from agents import Agent, ModelSettings, OpenAIResponsesModel, RunConfig, Runner
from agents.exceptions import AgentsException, ModelRefusalError
from agents.models import get_default_model_settings, gpt_5_reasoning_settings_required
from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.types import (
    AudioInput,
    SyncCustomActionResponse,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)

from chat_api.assistant import AssistantSettings, Turn
from coach import actions, choices
from coach.accounts import utc_today
from coach.accounts_table import AccountsTable
from coach.choices import Choice
from coach.context import CoachContext
from coach.failures import explain
from coach.history import newest_items, whole_attachments, whole_picture
from coach.instructions import INSTRUCTIONS
from coach.pictures import PictureConverter
from coach.run_events import run_events
from coach.thread_items import CoachItemConverter
from coach.titles import suggest_title
from coach.tools import ENDS_THE_TURN, ON_REQUEST, TOOLS
from coach.transcription import transcribe

logger = logging.getLogger(__name__)

MAX_MODEL_CALLS = 8
SILENCE_LIMIT_SECONDS = 120.0
CONNECT_LIMIT_SECONDS = 5.0


class Spendo:
    """The part of the coach that asks the model; one per process, for all users. `close()` it when the process ends."""

    def __init__(
        self, settings: AssistantSettings, accounts: AccountsTable, today: Callable[[], date] = utc_today
    ) -> None:
        self._today = today
        self._accounts = accounts
        self._budgets = actions.BudgetActions(accounts)
        self._model = settings.openai_model
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key,
            base_url=settings.openai_base_url,
            timeout=openai.Timeout(SILENCE_LIMIT_SECONDS, connect=CONNECT_LIMIT_SECONDS),
        )
        self._models = choices.models(settings.openai_model)

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer the thread as it is stored, the user's message included."""
        items = await newest_items(turn.store, thread.id, turn.context)
        converter = CoachItemConverter(
            turn.attachment_content, whole_attachments(items), turn.image_content, whole_picture(items)
        )
        context = CoachContext(
            thread=thread,
            store=turn.store,
            request_context=turn.context,
            today=self._today(),
            accounts=self._accounts,
        )
        result = Runner.run_streamed(
            self._agent(Choice.of(items, [model["id"] for model in self._models])),
            await converter.to_agent_input(items),
            context=context,
            max_turns=MAX_MODEL_CALLS,
            run_config=RunConfig(tracing_disabled=True, trace_include_sensitive_data=False),
        )
        turn.on_stop(result.cancel)
        try:
            async with aclosing(run_events(context, result, PictureConverter(turn.save_image))) as events:
                async for event in events:
                    yield event
        except ModelRefusalError:
            logger.info("the model refused")  # its words were the answer, and are told and stored by now
        except (openai.OpenAIError, AgentsException) as error:
            logger.warning("model failed: %s", _kind(error))
            raise explain(error) from error
        finally:
            used = result.context_wrapper.usage
            turn.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Carry out what a card was used for."""
        if action.type != actions.SAVE:
            raise CustomStreamError(f"This card's action is not known: {action.type}", allow_retry=False)
        async for event in self._budgets.save(thread, action, sender, turn, self._today()):
            yield event

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse:
        """Change a card at once."""
        changed = await self._budgets.edit(action, sender, turn, self._today()) if action.type == actions.EDIT else None
        return SyncCustomActionResponse(updated_item=changed)

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        """Return what was said. Raises InvalidRequestError or CustomStreamError."""
        return TranscriptionResult(text=await transcribe(self._client, audio))

    async def title(self, message: UserMessageItem) -> str | None:
        """Suggest a title for the conversation that `message` begins. Raises openai.OpenAIError."""
        words = [part.text for part in message.content]
        return await suggest_title(self._client, self._model, " ".join(words))

    async def close(self) -> None:
        """Close the connections to the model."""
        await self._client.close()

    def _agent(self, choice: Choice) -> Agent[CoachContext]:
        model = choice.model or self._model
        asked_for = [ON_REQUEST[choice.tool]] if choice.tool in ON_REQUEST else []
        return Agent[CoachContext](
            name="Spendo",
            instructions=INSTRUCTIONS,
            tools=[*TOOLS, *asked_for],
            tool_use_behavior=ENDS_THE_TURN,
            model=OpenAIResponsesModel(model, self._client),
            model_settings=_model_settings(model).resolve(ModelSettings(tool_choice=choice.tool)),
        )


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
