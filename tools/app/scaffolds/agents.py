"""Sample: an assistant on the Agents SDK with one tool. Begin with the instructions and the tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from agents import Agent, ModelSettings, RunConfig, RunContextWrapper, Runner, function_tool
from agents.exceptions import AgentsException, ModelRefusalError
from chatkit.agents import AgentContext
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from openai import AsyncOpenAI, OpenAIError

from assistant_kit.failures import explain
from assistant_kit.history import newest_items
from assistant_kit.item_converter import ItemConverter
from assistant_kit.items import ImageConverter
from assistant_kit.responses_model import THOUGHTS, AdaptingModel
from assistant_kit.run_events import run_events
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
        self._client = AsyncOpenAI(api_key=settings.api_key, base_url=settings.openai_base_url)
        self._agent = Agent[Context](
            name="Sample",
            tools=[opening_hours],
            model=AdaptingModel(settings.openai_model, self._client),
            model_settings=ModelSettings(store=False, response_include=[THOUGHTS]),  # nothing is stored at OpenAI
        )

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        items = await newest_items(turn.store, thread.id, turn.context)
        context = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
        result = Runner.run_streamed(
            self._agent.clone(instructions=f"{INSTRUCTIONS}- {turn.envelope.rule}\n"),
            await ItemConverter(turn, items).to_agent_input(items),
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
        except (OpenAIError, AgentsException) as error:
            raise explain(error) from error
        finally:
            used = result.context_wrapper.usage
            turn.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> Assistant:
    return Sample(settings)
