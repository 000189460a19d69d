"""Sample: an assistant on the Agents SDK with one tool. Start here: instructions, tools and the model's settings."""

from __future__ import annotations

from collections.abc import AsyncIterator

from agents import Agent, ModelSettings, OpenAIResponsesModel, RunConfig, RunContextWrapper, Runner, function_tool
from chatkit.agents import (
    AgentContext,
    simple_to_agent_input,
    stream_agent_response,  # pyright: ignore[reportUnknownVariableType]
)
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from openai import AsyncOpenAI

from chat_api.assistant import Assistant, AssistantSettings, Turn
from chat_api.context import RequestContext

NEWEST_ITEMS = 20


@function_tool
async def opening_hours(run: RunContextWrapper[AgentContext[RequestContext]], day: str) -> str:
    """Return the opening hours of a day of the week."""
    return f"On {day}, we are open from 9:00 to 18:00."


class Sample:
    def __init__(self, settings: AssistantSettings) -> None:
        self._client = AsyncOpenAI(api_key=settings.api_key, base_url=settings.openai_base_url)
        self._agent = Agent[AgentContext[RequestContext]](
            name="Sample",
            instructions="You are the assistant of Sample. Answer briefly, in the language of the question.",
            tools=[opening_hours],
            model=OpenAIResponsesModel(settings.openai_model, self._client),
            model_settings=ModelSettings(store=False),
        )

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        newest = await turn.store.load_thread_items(thread.id, None, NEWEST_ITEMS, "desc", turn.context)
        context = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
        result = Runner.run_streamed(
            self._agent,
            await simple_to_agent_input(list(reversed(newest.data))),
            context=context,
            run_config=RunConfig(tracing_disabled=True),  # tracing would send the conversation to OpenAI
        )
        turn.on_stop(result.cancel)
        async for event in stream_agent_response(context, result):
            yield event
        usage = result.context_wrapper.usage
        turn.usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> Assistant:
    return Sample(settings)
