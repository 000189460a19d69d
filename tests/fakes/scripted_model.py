"""An OpenAI-compatible server in this process with scripted answers, and an assistant without `assistant_kit`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, RunConfig, Runner
from chatkit.agents import AgentContext, ThreadItemConverter, stream_agent_response
from chatkit.types import ThreadStreamEvent

from assistant_kit.chat_completions import strict_input

Chunk = dict[str, Any]


def chunk(delta: Chunk | None, finish: str | None = None) -> Chunk:
    choice: Chunk = {"index": 0, "finish_reason": finish} | ({} if delta is None else {"delta": delta})
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def text(*words: str) -> list[Chunk]:
    """Return the chunks of an answer."""
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": word}) for word in words),
        chunk({}, "stop"),
    ]


def call(name: str, arguments: str, call_id: str) -> list[Chunk]:
    """Return the chunks of a tool call."""
    tool = {"index": 0, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return [chunk({"role": "assistant", "content": None, "tool_calls": [tool]}), chunk({}, "tool_calls")]


def failure(status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": "x"}})


class ScriptedModel:
    """Answers each request with the next script: chunks, or a response. Records the requests' bodies."""

    def __init__(self, *scripts: list[Chunk] | httpx.Response) -> None:
        self.scripts = list(scripts)
        self.bodies: list[Any] = []

    def client(self) -> openai.AsyncOpenAI:
        transport = httpx.MockTransport(self._answer)
        http: Any = httpx.AsyncClient(transport=transport)
        return openai.AsyncOpenAI(api_key="k", base_url="http://model.test/v1", max_retries=0, http_client=http)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        script = self.scripts.pop(0)
        if isinstance(script, httpx.Response):
            return script
        lines = [f"data: {json.dumps(each)}\n\n" for each in script]
        return httpx.Response(
            200, text="".join(lines) + "data: [DONE]\n\n", headers={"content-type": "text/event-stream"}
        )


class FromTheGuide:
    """An assistant on the Agents SDK with ChatKit's own `stream_agent_response`."""

    def __init__(self, model: ScriptedModel, *, responses: bool = False, **agent: Any) -> None:
        model_class: Any = OpenAIResponsesModel if responses else OpenAIChatCompletionsModel
        self.agent = Agent[Any](name="own", model=model_class("m", model.client()), **agent)

    async def respond(self, thread: Any, message: Any, turn: Any) -> AsyncIterator[ThreadStreamEvent]:
        page = await turn.store.load_thread_items(thread.id, None, 30, "desc", turn.context)
        context: Any = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
        given = strict_input(await ThreadItemConverter().to_agent_input(page.data[::-1]))
        result = Runner.run_streamed(self.agent, given, context=context, run_config=RunConfig(tracing_disabled=True))
        async for event in stream_agent_response(context, result):  # pyright: ignore[reportUnknownVariableType]
            yield event
