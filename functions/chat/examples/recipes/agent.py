"""The part that all recipes with a model share: one agent, run on the thread's newest items.

    def build(settings: AssistantSettings) -> Assistant:
        return AgentAssistant(settings, tools=[look_up_order])

`make new` writes the same code into `app/`, where you change it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from agents import (
    Agent,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunResultStreaming,
)
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from pydantic import SkipValidation

from assistant_kit.agent_answer import ConfirmedTools, agent_answer
from assistant_kit.approvals import Approvals
from assistant_kit.client_tools import ClientToolContext
from assistant_kit.item_converter import ItemConverter
from assistant_kit.items import item_fields
from assistant_kit.openai_client import OpenAIClient
from assistant_kit.responses_model import THOUGHTS, AdaptingModel
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
    approvals: Approvals | None = None

    def __init__(self, settings: AssistantSettings, **agent: Any) -> None:
        self.client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)
        self.model = settings.openai_model
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

    def answer(
        self, thread: ThreadMetadata, turn: Turn, agent: Agent[Context]
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the events of one answer; raises what `agent_answer` raises."""

        async def start(items: list[ThreadItem]) -> tuple[Context, RunResultStreaming]:
            context = Context(thread=thread, store=turn.store, request_context=turn.context, envelope=turn.envelope)
            return context, Runner.run_streamed(
                agent.clone(instructions=f"{agent.instructions or INSTRUCTIONS}\n- {turn.envelope.rule}"),
                await self.converter(turn, items).to_agent_input(items),
                context=context,
                hooks=ConfirmedTools(turn),
                run_config=RunConfig(tracing_disabled=True),  # tracing sends the conversation to OpenAI
            )

        return agent_answer(thread, turn, start, self.model, self.approvals)

    async def close(self) -> None:
        await self.client.close()


def said(text: str, thread: ThreadMetadata, turn: Turn) -> ThreadItemDoneEvent:
    """Return a whole message of the assistant."""
    fields = item_fields("message", thread, turn.store, turn.context)
    return ThreadItemDoneEvent(item=AssistantMessageItem(**fields, content=[AssistantMessageContent(text=text)]))
