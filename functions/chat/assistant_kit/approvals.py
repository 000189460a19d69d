"""Tools that ask their user first: the call waits in a record, a card asks, and the decision carries it out, once.

    @function_tool(needs_approval=True)                             # or a function of the arguments
    async def transfer(run: ToolContext[Context], dollars: int) -> str:
        return await bank.transfer(dollars, key=run.tool_call_id)   # the approval's id: the same for the same call

    approvals = Approvals(open_agent, Terms("transfer", words=lambda args, speech: f"Move ${args['dollars']}?"))

    def respond(self, thread, message, turn):
        return agent_answer(thread, turn, partial(self._start, thread, turn), model, approvals)

    def decide(self, thread, action, sender, turn):                 # makes the assistant a SupportsApprovals
        return approvals.decide(thread, action, sender, turn, partial(self.respond, thread, None, turn))

Theory. The Agents SDK ends a run at a call that needs approval (`result.interruptions`). Its RunState is not kept: it
can neither be stored with ChatKit's context nor be read by another version, and resuming it twice runs the tool twice
(docs/decisions/0114-approvals-are-records.md). Instead each call becomes a record, then a card. A decision is an
ordinary turn: it changes the record in one transaction, calls the tool from the record, stores and shows the outcome,
and lets the model continue from the thread's items, once every call of that response is decided or has expired.

The digest covers the tool's name, its parameters, the author's version of it, and the arguments. A card shows one
digest, and only the call that has it now is carried out: a tool that a deployment changed has to ask again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from agents import Agent, FunctionTool, RunContextWrapper, RunResultStreaming
from chatkit.actions import Action
from chatkit.agents import AgentContext
from chatkit.store import NotFoundError
from chatkit.types import (
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
)

from assistant_kit.approval_bounds import anything as anything
from assistant_kit.approval_bounds import at_most as at_most
from assistant_kit.approval_bounds import bounded as bounded
from assistant_kit.approval_calls import Terms as Terms
from assistant_kit.approval_calls import (
    approval_id_of,
    approvals_of,
    asked_of,
    carry_out,
    covers,
    digest_of,
    find_tool,
    found_done,
    grant_of,
    shown,
    siblings_of,
    tool_context,
)
from assistant_kit.approval_cards import card_item, with_card
from assistant_kit.approval_events import asking, note, notice, replaced, stored_card
from assistant_kit.history import BUDGET, size
from assistant_kit.items import item_fields
from chat_api.assistant import MAX_ALLOWANCES, Allowance, Approval, Asked, Grant, NotDecidedError, Turn
from languages import Sentence, Speech, say

logger = logging.getLogger(__name__)

MAX_ASKED = 20
"""Calls that one response may ask for."""
MAX_UNASKED = 5
"""Calls of one turn that run without a card, each once; further ones and repetitions ask."""

GONE = say("This request does not exist any more. Nothing was done.")
CHANGED = say("This tool was changed after it asked. Nothing was done: ask the assistant again.")
DECIDED = say("This was decided before. Nothing was done again.")
ONLY_ONCE = say("This cannot always be allowed. Nothing was done: you can approve this one call.")
FULL = say("You always allow {limit} kinds of calls already. Nothing was done: revoke one first.", limit=MAX_ALLOWANCES)
LATE = say("The time to decide is over. Nothing was done: ask the assistant again.")

Open = Callable[[ThreadMetadata, Turn], Awaitable[tuple[AgentContext[Any], Agent[Any]]]]
"""Returns the context and the agent that a turn in the thread has, for a call without a run."""
Continue = Callable[[], AsyncIterator[ThreadStreamEvent]]


class Approvals:
    """Asks, decides and carries out the calls of an assistant's tools. One per process, shared by all users."""

    def __init__(self, open_agent: Open, *terms: Terms) -> None:
        self._open = open_agent
        self._terms = {each.tool: each for each in terms}

    async def ask(
        self, context: AgentContext[Any], result: RunResultStreaming, turn: Turn
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Record the calls at which a run has stopped, then show their cards, or run those that the user always allows.

        Sets `turn.approvals.goes_on` if all of them ran. Raises CustomStreamError.
        """
        approvals, thread = approvals_of(turn), context.thread
        waiting = result.interruptions[:MAX_ASKED]
        if len(waiting) < len(result.interruptions):
            logger.warning("a response asked for over %s approvals: the others are dropped", MAX_ASKED)
        fields = [item_fields("message", thread, turn.store, turn.context) for _ in waiting]
        group = approval_id_of(fields[0]["id"])
        calls: list[Asked] = []
        for call, field in zip(waiting, fields, strict=True):
            siblings = "" if calls else siblings_of(result)
            calls.append(
                await asked_of(call, context, turn, self._terms.get(call.name or ""), field["id"], group, siblings)
            )
        allowed = await self._allowed(calls, turn)
        asked = [call for call in calls if call.approval_id not in allowed]
        if asked:
            await approvals.ask(thread.id, asked)
        ran = len(approvals.unasked)
        for call, field in zip(calls, fields, strict=True):
            if allowance := allowed.get(call.approval_id):
                async for event in self._run_allowed(thread, call, field, allowance, turn):
                    yield event
            else:
                yield asking(call, field, turn)
        approvals.goes_on = len(approvals.unasked) - ran == len(calls)

    async def _allowed(self, calls: Sequence[Asked], turn: Turn) -> dict[str, Allowance]:
        """Return the allowances that cover calls, by the calls' ids. Reads them only if a call's tool offers them."""
        ran = approvals_of(turn).unasked
        offered: dict[str, Asked] = {}
        for call in calls:
            if call.offer and call.digest not in ran:
                offered.setdefault(call.digest, call)
        left = MAX_UNASKED - len(ran)
        if not offered or left <= 0:
            return {}
        allowances = await approvals_of(turn).allowances()
        found = ((call, next((each for each in allowances if covers(each, call)), None)) for call in offered.values())
        return dict([(call.approval_id, each) for call, each in found if each][:left])

    async def _run_allowed(
        self, thread: ThreadMetadata, call: Asked, field: dict[str, Any], allowance: Allowance, turn: Turn
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Run a call that an allowance covers, with a card that says so; ask if the allowance is gone by now."""
        found = await self._current(thread, call, turn)
        named = replace(call, allows=allowance.grant.words, offer="")
        approval = await approvals_of(turn).allow(thread.id, named, allowance) if found else None
        if found is None or approval is None:
            await approvals_of(turn).ask(thread.id, [call])
            yield asking(call, field, turn)
            return
        card = card_item(approval, field, Speech(turn.context.locale))
        yield ThreadItemDoneEvent(item=card)
        async for event in self._carry_out(thread, card, approval, turn, *found):
            yield event
        yield note(thread, await approvals_of(turn).load(thread.id, call.approval_id), turn)

    async def settle(self, thread: ThreadMetadata, turn: Turn) -> list[ThreadStreamEvent]:
        """Close the approvals of the thread that have expired or whose turn died, and return the new cards.

        Call it in a turn, before the model: only then no other turn runs in the thread.
        """
        events: list[ThreadStreamEvent] = []
        if turn.approvals is None:  # a turn that its author's test has made
            return events
        for approval in await approvals_of(turn).list(thread.id):
            settled = await approvals_of(turn).settle(thread.id, approval)
            if settled is not approval and (item := await stored_card(settled, thread, turn)):
                events.append(ThreadItemReplacedEvent(item=with_card(item, settled, Speech(turn.context.locale))))
        return events

    async def decide(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        turn: Turn,
        answer: Continue,
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Carry out an action of a card; `answer` yields the events of the model's next answer."""
        try:
            approval = await approvals_of(turn).load(thread.id, str(action.payload["id"]))
        except NotFoundError:
            approval = None
        pressed = sender and (sender.id, str(action.payload["digest"]))
        if not sender or not approval or pressed != (approval.asked.item_id, approval.asked.digest):
            yield notice(GONE, turn)
            return
        if action.type == "approval.details":
            yield replaced(sender, approval, turn, details=True)
        elif action.type == "approval.check":
            async for event in self._check(thread, sender, approval, turn):
                yield event
        elif action.type in ("approval.approve", "approval.always", "approval.deny"):
            async for event in self._decide(thread, action, sender, approval, turn, answer):
                yield event

    async def _decide(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem,
        approval: Approval,
        turn: Turn,
        answer: Continue,
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        approved, shown = action.type != "approval.deny", str(action.payload["digest"])
        found = await self._current(thread, approval.asked, turn) if approved else None
        grant: Grant | None = None
        if approved and approval.status == "pending" and found is None:
            yield notice(CHANGED, turn)
            return
        if found and action.type == "approval.always" and approval.status == "pending":
            grant = self._granted(approval.asked, turn, *found[1:])
            if fault := await _grant_fault(grant, approval.asked, turn):
                yield notice(fault, turn)
                return
        reason = "" if approved else str(action.payload.get("reason") or "")
        try:
            approval = await approvals_of(turn).decide(
                thread.id, approval.asked.approval_id, approved=approved, digest=shown, reason=reason, grant=grant
            )
        except (NotDecidedError, NotFoundError) as error:
            async for event in self._refused(thread, sender, error, turn):
                yield event
            return
        yield replaced(sender, approval, turn)
        if found is not None:
            async for event in self._carry_out(thread, sender, approval, turn, *found):
                yield event
            approval = await approvals_of(turn).load(thread.id, approval.asked.approval_id)
        yield note(thread, approval, turn)
        if await self._is_last(thread, approval, turn):
            async for event in answer():
                yield event

    async def _refused(
        self, thread: ThreadMetadata, sender: WidgetItem, error: NotDecidedError | NotFoundError, turn: Turn
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Show why a decision did not count, and the present state. Nothing has changed."""
        if isinstance(error, NotFoundError):
            yield notice(GONE, turn)
            return
        approval = await approvals_of(turn).settle(thread.id, error.approval)
        yield replaced(sender, approval, turn)
        still_open = approvals_of(turn).is_open(approval)
        yield notice(CHANGED if still_open else LATE if approval.status == "expired" else DECIDED, turn)

    async def _check(
        self, thread: ThreadMetadata, sender: WidgetItem, approval: Approval, turn: Turn
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Show the present state of a call; ask the tool for an outcome that is unknown."""
        approval = await approvals_of(turn).settle(thread.id, approval)
        if approval.status == "unknown":
            context, _ = await self._open(thread, turn)
            if outcome := await found_done(self._terms.get(approval.asked.tool), context, approval):
                approval = await approvals_of(turn).finish(thread.id, approval, outcome)
        yield replaced(sender, approval, turn)

    async def _current(
        self, thread: ThreadMetadata, asked: Asked, turn: Turn
    ) -> tuple[AgentContext[Any], FunctionTool, Agent[Any]] | None:
        """Return the tool of a call, if it is still the one that asked."""
        context, agent = await self._open(thread, turn)
        found = await find_tool(agent, RunContextWrapper(context), asked.tool, asked.agent)
        if found is None or digest_of(found[0], self._terms.get(asked.tool), asked.arguments) != asked.digest:
            return None
        return context, *found

    def _granted(self, asked: Asked, turn: Turn, tool: FunctionTool, owner: Agent[Any]) -> Grant | None:
        """Return the allowance of a call's tool as it is now, in the words that the card showed."""
        terms = self._terms.get(asked.tool)
        grant = grant_of(tool, terms, owner.name, asked.arguments, Speech(turn.context.locale))
        life = terms.always_life if terms else None
        until = (approvals_of(turn).now() + life).replace(microsecond=0) if life else None
        return grant and replace(grant, words=asked.allows, until=until)

    async def _carry_out(
        self,
        thread: ThreadMetadata,
        sender: WidgetItem,
        approval: Approval,
        turn: Turn,
        context: AgentContext[Any],
        tool: FunctionTool,
        owner: Agent[Any],
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Start the tool, once; yield what it shows while it works, then the card with its outcome."""
        if not await approvals_of(turn).start(thread.id, approval.asked.approval_id):
            return
        working = asyncio.create_task(carry_out(tool, tool_context(approval, context, owner), owner, approval))
        try:
            async for event in shown(context, working):
                yield event
        finally:
            working.cancel()
        outcome = working.result()
        if outcome.failed:  # such as when the answer to its last request was lost
            outcome = await found_done(self._terms.get(approval.asked.tool), context, approval) or outcome
        approval = await approvals_of(turn).finish(thread.id, approval, outcome)
        yield replaced(sender, approval, turn)

    async def _is_last(self, thread: ThreadMetadata, approval: Approval, turn: Turn) -> bool:
        """Return whether no other call of the same response is left to decide."""
        others = [each for each in await approvals_of(turn).list(thread.id) if each.asked.group == approval.asked.group]
        return not any(approvals_of(turn).is_open(each) for each in others)

    async def with_open(self, items: Sequence[ThreadItem], thread: ThreadMetadata, turn: Turn) -> list[ThreadItem]:
        """Return the items that the model gets, with the cards of open calls that are too old for them."""
        if turn.approvals is None:
            return list(items)
        known = {item.id for item in items}
        old = [each for each in approvals_of(turn).by_item.values() if approvals_of(turn).is_open(each)][-MAX_ASKED:]
        cards = [await stored_card(each, thread, turn) for each in old if each.asked.item_id not in known]
        kept, left = list(items), BUDGET.characters - sum(size(card) for card in cards if card)
        while len(kept) > 1 and sum(map(size, kept)) > left:
            kept.pop(0)
        return [*(card for card in cards if card), *kept]


async def _grant_fault(grant: Grant | None, asked: Asked, turn: Turn) -> Sentence | None:
    """Return why an allowance cannot be granted: not offered, not the one that the card showed, or one too many."""
    if not asked.offer:
        return ONLY_ONCE
    if grant is None or grant.meaning != asked.offer:
        return CHANGED
    return FULL if len(await approvals_of(turn).allowances()) >= MAX_ALLOWANCES else None
