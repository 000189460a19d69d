"""An assistant with tools that ask first, on a model that calls what the message names.

teller = Teller(ledger)                      # "move 5", "move 5 7" (two calls), "look", else words
ledger.moves                                 # [(dollars, key)], as the tool has done them
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from agents import Agent, RunConfig, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant_kit.agent_answer import agent_answer
from assistant_kit.approvals import Approvals, Terms, at_most, bounded
from assistant_kit.item_converter import ItemConverter
from chat_api.assistant import Turn


@dataclass
class Ledger:
    """The work of the tools, as the only source of truth about it."""

    moves: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    looks: int = 0
    before: Callable[[], Awaitable[object]] | None = None
    after: Callable[[], Awaitable[None]] | None = None


@dataclass
class Teller:
    """Moves money after an approval."""

    ledger: Ledger
    version: str = "1"
    life: timedelta = timedelta(days=1)
    inputs: list[list[Any]] = field(default_factory=list[list[Any]])
    """The input of the model's calls."""
    needs_approval: Any = True
    finds_outcomes: bool = False
    wrap: Callable[[Agent[Any]], Agent[Any]] = lambda agent: agent
    tool_name: str = "transfer"
    parameters: dict[str, Any] | None = None
    always_allow: Any = None
    always_life: timedelta | None = None
    always_words: Any = None
    repeats: bool = False
    """Whether the model calls its tools again after each outcome."""

    def __post_init__(self) -> None:
        find = self._find if self.finds_outcomes else None
        words = "Move ${dollars}?"
        always = bounded(dollars=at_most) if self.always_allow is True else self.always_allow
        terms = Terms(
            "transfer",
            lambda args, _: words.format(**args),
            self.version,
            self.life,
            find_outcome=find,
            always_allow=always,
            always_words=self.always_words,
            always_life=self.always_life,
        )
        self.approvals = Approvals(self._open, terms)

    async def _find(self, context: Any, key: str) -> str | None:
        return next((f"moved {dollars}" for dollars, used in self.ledger.moves if used == key), None)

    def agent(self, message: str | None) -> Agent[Any]:
        ledger, called = self.ledger, (message or "").split()

        @function_tool(name_override=self.tool_name, needs_approval=self.needs_approval)
        async def transfer(run: ToolContext[Any], dollars: int) -> str:
            """Move money."""
            if ledger.before:
                await ledger.before()
            ledger.moves.append((dollars, run.tool_call_id))
            if ledger.after:
                await ledger.after()
            return f"moved {dollars}"

        @function_tool
        async def look() -> str:
            """Look at the balance."""
            ledger.looks += 1
            return "balance 100"

        if self.parameters is not None:
            transfer.params_json_schema = self.parameters
        calls: list[Any] = [function_call("look", {}, call_id="l")] if "look" in called else []
        if called[:1] == ["move"]:
            amounts = [int(each) for each in called[1:] if each.isdigit()]
            calls += [
                function_call(self.tool_name, {"dollars": each}, call_id=f"c{n}") for n, each in enumerate(amounts)
            ]
        steps: list[Any] = [calls, [assistant_message("fine")]] if calls else [[assistant_message("fine")]]
        return self.wrap(Agent(name="Teller", tools=[transfer, look], model=RecordingModel(self.inputs, steps)))

    async def _open(self, thread: Any, turn: Turn) -> tuple[AgentContext[Any], Agent[Any]]:
        return self._context(thread, turn), self.agent(None)

    def _context(self, thread: Any, turn: Turn) -> AgentContext[Any]:
        return AgentContext[Any](thread=thread, store=turn.store, request_context=turn.context)

    async def _start(self, thread: Any, message: str | None, turn: Turn, items: list[Any]) -> Any:
        context = self._context(thread, turn)
        model_input = await ItemConverter(turn, items).to_agent_input(items)
        config = RunConfig(tracing_disabled=True)
        if turn.approvals and turn.approvals.unasked and not self.repeats:
            message = None
        return context, Runner.run_streamed(self.agent(message), model_input, context=context, run_config=config)

    def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[Any]:
        said = "".join(part.text for part in message.content) if message else None
        return agent_answer(thread, turn, partial(self._start, thread, said, turn), "m", self.approvals)

    def decide(self, thread: Any, action: Any, sender: Any, turn: Turn) -> AsyncIterator[Any]:
        return self.approvals.decide(thread, action, sender, turn, partial(self.respond, thread, None, turn))


class RecordingModel(ScriptedModel):
    """A scripted model that keeps the input of each of its calls."""

    def __init__(self, inputs: list[list[Any]], steps: list[Any]) -> None:
        super().__init__(steps)
        self._inputs = inputs

    def stream_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
        self._inputs.append(list(input))
        return super().stream_response(system_instructions, input, *args, **kwargs)


class Killed(BaseException):
    """The process has ended here."""


async def forever() -> None:
    await asyncio.Event().wait()
