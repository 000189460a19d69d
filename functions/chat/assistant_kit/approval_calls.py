"""Calls of tools that wait for their user: their records, their digests, and the tools that carry them out.

    asked = await asked_of(interruption, context, turn, terms, item_id, group, siblings)
    tool, owner = await find_tool(agent, RunContextWrapper(context), asked.tool, asked.agent)
    digest_of(tool, terms, asked.arguments) == asked.digest         # the tool is still the one that asked
    outcome = await carry_out(tool, tool_context(approval, context, owner), owner, approval)

The digest covers the tool's name, its parameters, the author's version of it, and the arguments.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from agents import (
    Agent,
    FunctionTool,
    Handoff,
    RunContextWrapper,
    RunResultStreaming,
    ToolInputGuardrailData,
    ToolOutputGuardrailData,
)
from agents.items import ToolApprovalItem, ToolCallItem, ToolCallOutputItem
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext
from chatkit.errors import CustomStreamError
from chatkit.types import ThreadStreamEvent
from openai.types.responses import ResponseFunctionToolCall

from assistant_kit.approval_bounds import Rules, admits, bounds_in_words
from assistant_kit.approval_cards import exact, plain
from chat_api.assistant import Allowance, Approval, Asked, Grant, Outcome, Turn, UserApprovals
from languages import Speech, say

logger = logging.getLogger(__name__)

LIFE = timedelta(days=7)
MAX_ARGUMENTS_CHARS = 20_000
FAILED = "_function_tool_default_failure_handled"
"""The SDK's mark on the context of a tool that raised: its output is then the SDK's text with the error's words."""
WITHHELD = "The tool was carried out; a guardrail withholds its output."
SIBLINGS_CHARS = 8_000
MAX_ALLOWED_WORDS_CHARS = 1_000

INCOMPLETE = say("The assistant asked for something that cannot be shown for your approval. Please try again.")

Words = Callable[[dict[str, Any], Speech], str]


@dataclass(frozen=True, slots=True)
class Terms:
    """The question of one tool. A tool without terms asks by its name and arguments."""

    tool: str
    words: Words
    """The question on the card, made of the arguments by code."""
    version: str = ""
    """Changes with the meaning of the tool: calls that were asked for under another version are not carried out."""
    life: timedelta = LIFE
    always_allow: Rules | None = None
    """The bounds of "Always allow" (`approval_bounds`); None: every call asks."""
    always_words: Words | None = None
    """The calls that an allowance would cover, made of the arguments by code; without it, its bounds are shown."""
    always_life: timedelta | None = None
    """The life of an allowance; None: until the user revokes it."""
    find_outcome: Callable[[AgentContext[Any], str], Awaitable[str | None]] | None = None
    """Returns the outcome of the call with this key, if it was carried out: asked when the server stopped meanwhile."""


def approvals_of(turn: Turn) -> UserApprovals:
    """Return the turn's approvals."""
    assert turn.approvals is not None, "approvals need a turn of a thread"
    return turn.approvals


async def asked_of(
    call: ToolApprovalItem,
    context: AgentContext[Any],
    turn: Turn,
    terms: Terms | None,
    item_id: str,
    group: str,
    siblings: str,
) -> Asked:
    """Return the record of a call. Raises CustomStreamError if it cannot be shown and carried out as it is."""
    name, owner = call.name or "", call.agent
    found = await find_tool(owner, RunContextWrapper(context), name, owner.name)
    arguments = canonical(call.arguments)
    if found is None or arguments is None or len(arguments) > MAX_ARGUMENTS_CHARS:
        logger.warning("a call of the tool %s cannot be asked for", name)
        raise CustomStreamError(INCOMPLETE, allow_retry=True)
    speech = Speech(turn.context.locale)
    grant = grant_of(found[0], terms, owner.name, arguments, speech)
    return Asked(
        approval_id=approval_id_of(item_id),
        group=group,
        item_id=item_id,
        tool=name,
        arguments=arguments,
        digest=digest_of(found[0], terms, arguments),
        words=words_of(terms, name, arguments, speech),
        until=(approvals_of(turn).now() + (terms.life if terms else LIFE)).replace(microsecond=0),
        agent=owner.name,
        model=str(getattr(owner.model, "model", owner.model) or ""),
        siblings=siblings,
        allows=grant.words if grant else "",
        offer=grant.meaning if grant else "",
    )


def grant_of(tool: FunctionTool, terms: Terms | None, owner: str, arguments: str, speech: Speech) -> Grant | None:
    """Return the allowance that the approval of a call may grant; None unless the tool's author offers one.

    `owner` is the name of the tool's agent: another agent's tool of the same name is another tool.
    """
    if terms is None or terms.always_allow is None or (bounds := terms.always_allow.of(arguments)) is None:
        return None
    meaning = [owner, tool.name, tool.params_json_schema, terms.version, terms.always_allow.spelled()]
    try:
        words = plain((terms.always_words or _bounds_in_words(tool.name, bounds))(json.loads(arguments), speech))
    except Exception as error:  # an author's code, on arguments that the tool may refuse
        logger.warning("no words to always allow the tool %s: %s", tool.name, type(error).__name__)
        return None
    if terms.always_life:
        words = speech("{calls}, for {days} days", calls=words, days=max(1, terms.always_life.days))
    if len(words) > MAX_ALLOWED_WORDS_CHARS:  # words that are cut would hide a bound
        return None
    return Grant(tool.name, _digest(meaning), bounds, words)


def _bounds_in_words(tool: str, bounds: str) -> Words:
    return lambda _, speech: bounds_in_words(tool, bounds, speech)


def covers(allowance: Allowance, call: Asked) -> bool:
    """Return whether an allowance is for the call's tool, as it is now, and the call is within its bounds."""
    return bool(call.offer) and allowance.grant.meaning == call.offer and admits(allowance.grant.bounds, call.arguments)


def digest_of(tool: FunctionTool, terms: Terms | None, arguments: str) -> str:
    """Return the digest of a call: of everything that its meaning depends on."""
    meaning = [tool.name, tool.params_json_schema, terms.version if terms else "", arguments]
    return _digest(meaning)


def _digest(meaning: Any) -> str:
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


async def carry_out(tool: FunctionTool, context: ToolContext[Any], owner: Agent[Any], approval: Approval) -> Outcome:
    """Call the tool between its guardrails and within its time limit (`timeout_seconds`).

    A failure is an outcome: the user sees it, and nothing repeats the call.
    """
    limit = asyncio.timeout(tool.timeout_seconds)
    try:
        refused = await _refusal(tool, context, owner)
        if refused is not None:
            return Outcome(refused, failed=True)
        async with limit:
            output = await tool.on_invoke_tool(context, approval.asked.arguments)
    except Exception as error:  # the text may be anything, so only its type is shown and logged
        logger.warning("the approved tool %s failed: %s", tool.name, type(error).__name__)
        late = f"The tool did not end within {tool.timeout_seconds} seconds and was stopped; it may have acted."
        return Outcome(late if limit.expired() else f"The tool failed: {type(error).__name__}", failed=True)
    if getattr(context, FAILED, False):
        logger.warning("the approved tool %s failed", tool.name)
        return Outcome("The tool failed.", failed=True)
    return Outcome(await _released(tool, context, owner, output))


async def _refusal(tool: FunctionTool, context: ToolContext[Any], owner: Agent[Any]) -> str | None:
    """Return why a guardrail of the tool refuses the call; None if it may run."""
    for guardrail in tool.tool_input_guardrails or ():
        behavior = (await guardrail.run(ToolInputGuardrailData(context=context, agent=owner))).behavior
        if behavior["type"] != "allow":
            return behavior["message"] if behavior["type"] == "reject_content" else "A guardrail refused this call."
    return None


async def _released(tool: FunctionTool, context: ToolContext[Any], owner: Agent[Any], output: Any) -> str:
    """Return the tool's output, or the text with which a guardrail replaces it. The tool has run in any case."""
    try:
        for guardrail in tool.tool_output_guardrails or ():
            data = ToolOutputGuardrailData(context=context, agent=owner, output=output)
            behavior = (await guardrail.run(data)).behavior
            if behavior["type"] != "allow":
                return behavior["message"] if behavior["type"] == "reject_content" else WITHHELD
    except Exception as error:
        logger.warning("a guardrail of the approved tool %s failed: %s", tool.name, type(error).__name__)
        return WITHHELD
    return str(output)


async def found_done(terms: Terms | None, context: AgentContext[Any], approval: Approval) -> Outcome | None:
    """Return the outcome of a call that was carried out although its turn does not know it, if the tool can say."""
    if terms is None or terms.find_outcome is None:
        return None
    found = await terms.find_outcome(context, approval.asked.approval_id)
    return None if found is None else Outcome(found)


async def shown(context: AgentContext[Any], working: asyncio.Task[Outcome]) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield the events that a tool streams through its context, until it has ended."""
    events = context._events  # pyright: ignore[reportPrivateUsage]
    while not working.done() or not events.empty():
        next_event = asyncio.ensure_future(events.get())
        await asyncio.wait({next_event, working}, return_when=asyncio.FIRST_COMPLETED)
        if not next_event.done():
            next_event.cancel()
            continue
        yield cast("ThreadStreamEvent", next_event.result())


def tool_context(approval: Approval, context: AgentContext[Any], owner: Agent[Any]) -> ToolContext[Any]:
    """Return the context of the call; its `tool_call_id` is the approval's id, the key of the call."""
    asked = approval.asked
    call = ResponseFunctionToolCall(
        type="function_call", call_id=asked.approval_id, name=asked.tool, arguments=asked.arguments
    )
    return ToolContext(
        context=context,
        tool_name=asked.tool,
        tool_call_id=asked.approval_id,
        tool_arguments=asked.arguments,
        tool_call=call,
        agent=owner,
    )


async def find_tool(
    agent: Agent[Any], run: RunContextWrapper[Any], tool_name: str, owner: str
) -> tuple[FunctionTool, Agent[Any]] | None:
    """Return the tool of an agent, of those that it hands over to, or of those that it uses as tools; MCP included.

    None if there are two of that name, of one agent or of agents of one name: nothing says which of them has asked.
    """
    seen, waiting, found = set[int](), [agent], dict[int, tuple[FunctionTool, Agent[Any]]]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        for tool in await one.get_all_tools(run):
            if isinstance(tool, FunctionTool) and (tool.name, one.name) == (tool_name, owner):
                found[id(tool)] = tool, one
            waiting += [inner] if isinstance(inner := getattr(tool, "_agent_instance", None), Agent) else []
        for target in one.handoffs:
            inner = target._agent_ref and target._agent_ref() if isinstance(target, Handoff) else target  # pyright: ignore[reportPrivateUsage]
            waiting += [cast("Agent[Any]", inner)] if isinstance(inner, Agent) else []
    return next(iter(found.values())) if len(found) == 1 else None


def canonical(arguments: str | None) -> str | None:
    """Return a call's arguments as canonical JSON; None unless they are a JSON object."""
    try:
        document = json.loads(arguments or "{}")
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def words_of(terms: Terms | None, name: str, arguments: str, speech: Speech) -> str:
    if terms is None:
        return speech("Run {tool} with {arguments}?", tool=name, arguments=exact(arguments))
    try:
        return plain(terms.words(json.loads(arguments), speech))
    except Exception as error:  # arguments that do not fit the schema
        logger.warning("no words for a call of the tool %s: %s", name, type(error).__name__)
        raise CustomStreamError(INCOMPLETE, allow_retry=True) from error


def approval_id_of(item_id: str) -> str:
    """Return the id of the call that a new card asks for: like the card's, it sorts by time and cannot be guessed."""
    return f"apr_{item_id.partition('_')[2]}"


def siblings_of(result: RunResultStreaming) -> str:
    """Return the outputs of the run's other tools as JSON: the next run does not have them otherwise."""
    names = {each.call_id: each.tool_name for each in result.new_items if isinstance(each, ToolCallItem)}
    outputs = [
        {"tool": names.get(each.call_id), "output": str(each.output)}
        for each in result.new_items
        if isinstance(each, ToolCallOutputItem)
    ]
    return json.dumps(outputs, ensure_ascii=False)[:SIBLINGS_CHARS] if outputs else ""
