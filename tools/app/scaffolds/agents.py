"""Sample: an assistant on the Agents SDK with one tool. Begin with the instructions and the tools."""

from __future__ import annotations

from collections.abc import AsyncIterator

from agents import Agent, ModelSettings, RunConfig, RunContextWrapper, Runner, RunResultStreaming, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from assistant_kit.agent_answer import agent_answer
from assistant_kit.item_converter import ItemConverter
from assistant_kit.openai_client import OpenAIClient
from assistant_kit.responses_model import THOUGHTS, AdaptingModel
from chat_api.assistant import Assistant, AssistantSettings, Turn
from chat_api.context import RequestContext

Context = AgentContext[RequestContext]
INSTRUCTIONS = """You are the assistant of Sample.

- Answer briefly, in the language of the user's last message.
- Facts come from tools only. If no tool has the answer, say so.
"""


@function_tool
async def opening_hours(run: RunContextWrapper[Context], day: str) -> str:
    """Return the opening hours on a day of the week."""
    return f"On {day}, Sample is open from 9:00 to 18:00."


class Sample:
    def __init__(self, settings: AssistantSettings) -> None:
        self._client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)
        self._model = settings.openai_model
        self._agent = Agent[Context](
            name="Sample",
            tools=[opening_hours],
            model=AdaptingModel(settings.openai_model, self._client),
            model_settings=ModelSettings(store=False, response_include=[THOUGHTS]),  # nothing is stored at OpenAI
        )

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        async def start(items: list[ThreadItem]) -> tuple[Context, RunResultStreaming]:
            context = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
            return context, Runner.run_streamed(
                self._agent.clone(instructions=f"{INSTRUCTIONS}- {turn.envelope.rule}\n"),
                await ItemConverter(turn, items).to_agent_input(items),
                context=context,
                run_config=RunConfig(tracing_disabled=True),  # tracing sends the conversation to OpenAI
            )

        return agent_answer(thread, turn, start, self._model)

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> Assistant:
    return Sample(settings)
