"""The part that all recipes with a model share: one agent, run on the thread's newest items.

    def build(settings: AssistantSettings) -> Assistant:
        return AgentAssistant(settings, tools=[look_up_order])

`make new` writes the same code into `app/`, where you change it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from agents import Agent, ModelSettings, OutputGuardrailTripwireTriggered, RunConfig, RunContextWrapper, Runner
from agents.exceptions import AgentsException, ModelRefusalError
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from openai import AsyncOpenAI, OpenAIError
from pydantic import SkipValidation

from assistant_kit.client_tools import ClientToolContext
from assistant_kit.failures import explain
from assistant_kit.history import newest_items
from assistant_kit.item_converter import ItemConverter
from assistant_kit.items import ImageConverter, item_fields
from assistant_kit.responses_model import THOUGHTS, AdaptingModel
from assistant_kit.run_events import run_events
from attachments_s3 import Envelope
from chat_api.assistant import AssistantSettings, Turn

INSTRUCTIONS = "You are the assistant of a coffee shop. Facts come from tools only. Answer briefly."


class Context(ClientToolContext):
    """ChatKit's agent context, with the envelope for untrusted text that a tool returns."""

    envelope: Annotated[Envelope, SkipValidation]


Run = RunContextWrapper[Context]


class AgentAssistant:
    """An assistant around one agent; further arguments are the agent's, such as `tools`."""

    converter = ItemConverter

    def __init__(self, settings: AssistantSettings, **agent: Any) -> None:
        self.client = AsyncOpenAI(api_key=settings.api_key, base_url=settings.openai_base_url)
        self.agent = self.new_agent(settings, name="Shop", **agent)

    def new_agent(self, settings: AssistantSettings, **agent: Any) -> Agent[Context]:
        """Return an agent with the model of the settings. Nothing is stored at OpenAI."""
        model = AdaptingModel(settings.openai_model, self.client)
        return Agent[Context](
            model=model, model_settings=ModelSettings(store=False, response_include=[THOUGHTS]), **agent
        )

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self.answer(thread, turn, self.agent)

    async def answer(
        self, thread: ThreadMetadata, turn: Turn, agent: Agent[Context]
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the events of one run. Raises OutputGuardrailTripwireTriggered, or CustomStreamError for the user."""
        items = await newest_items(turn.store, thread.id, turn.context)
        context = Context(thread=thread, store=turn.store, request_context=turn.context, envelope=turn.envelope)
        result = Runner.run_streamed(
            agent.clone(instructions=f"{agent.instructions or INSTRUCTIONS}\n- {turn.envelope.rule}"),
            await self.converter(turn, items).to_agent_input(items),
            context=context,
            run_config=RunConfig(tracing_disabled=True),  # tracing sends the conversation to OpenAI
        )
        turn.on_stop(result.cancel)
        try:
            async with aclosing(run_events(context, result, ImageConverter(turn.save_image))) as events:
                async for event in events:
                    yield event
        except ModelRefusalError:
            pass  # the refusal is the answer
        except OutputGuardrailTripwireTriggered:
            raise
        except (OpenAIError, AgentsException) as error:
            raise explain(error) from error
        finally:
            used = result.context_wrapper.usage
            turn.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)

    async def close(self) -> None:
        await self.client.close()


def said(text: str, thread: ThreadMetadata, turn: Turn) -> ThreadItemDoneEvent:
    """Return a whole message of the assistant."""
    fields = item_fields("message", thread, turn.store, turn.context)
    return ThreadItemDoneEvent(item=AssistantMessageItem(**fields, content=[AssistantMessageContent(text=text)]))
