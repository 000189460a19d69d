"""Tools of an agent whose turn was taken over: none starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import Agent, Model, Runner, function_tool
from agents.run import RunConfig
from openai.types.responses import Response, ResponseCompletedEvent, ResponseFunctionToolCall

from assistant_kit.agent_answer import ConfirmedTools
from tests.fakes.turn import Conversation


class Calling(Model):
    """A model that calls the tool `pay` in its first response, and says nothing in the second."""

    def __init__(self) -> None:
        call = ResponseFunctionToolCall(type="function_call", call_id="call-1", name="pay", arguments="{}")
        self.outputs: list[list[Any]] = [[call], []]

    async def get_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        response = Response.model_construct(id="response-1", output=self.outputs.pop(0), usage=None)
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=0)


@pytest.mark.promise("R4")
@pytest.mark.feature("fenced-turns")
@pytest.mark.parametrize("is_taken", [True, False])
async def test_no_tool_starts_in_a_turn_that_was_taken_over(is_taken: bool) -> None:
    paid: list[str] = []
    confirmed: list[str] = []

    @function_tool
    def pay() -> str:
        paid.append("paid")
        return "done"

    async def confirm() -> None:
        confirmed.append("asked")
        if is_taken:
            raise asyncio.CancelledError("taken over")

    turn = Conversation().turn()
    turn.confirm = confirm
    agent = Agent[Any](name="shop", model=Calling(), tools=[pay])
    run = Runner.run_streamed(
        agent, "pay", hooks=ConfirmedTools(turn), run_config=RunConfig(tracing_disabled=True), max_turns=2
    )
    try:
        async with asyncio.timeout(10):
            async for _ in run.stream_events():
                pass
    except (asyncio.CancelledError, Exception):
        assert is_taken

    assert confirmed == ["asked"]
    assert paid == ([] if is_taken else ["paid"])
