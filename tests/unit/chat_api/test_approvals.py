"""Tools that ask their user first, through the endpoint: the card, the decision, the tool, and the next answer."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import mcp
import pytest
from agents import Agent, handoff
from agents.mcp import MCPServer

from chat_api.telemetry import Metrics
from store_dynamo.approvals import Verdict
from store_dynamo.testing import Clock
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.teller import Ledger, Teller
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import events
from tests.unit.chat_api.test_telemetry import log
from tools.client.chatkit import Event, add_message, create_thread, get_thread

__all__ = ["log"]

WorldOf = Callable[..., World]
ANA = request_context("ana")


class Chat:
    """One conversation with a teller, and the cards in it."""

    def __init__(self, world: World, stream: list[Event]) -> None:
        self.world, self.stream = world, stream
        self.thread_id: str = stream[0]["thread"]["id"]

    @classmethod
    async def begin(cls, world: World, message: str, user: str = "ana") -> Chat:
        return cls(world, events(await world.post(create_thread(message), user)))

    async def items(self, user: str = "ana") -> list[Any]:
        return (await self.world.post(get_thread(self.thread_id), user)).json()["items"]["data"]

    async def cards(self) -> list[Any]:
        return [item for item in await self.items() if item["type"] == "widget"]

    async def says(self) -> list[str]:
        return [item["content"][0]["text"] for item in await self.items() if item["type"] == "assistant_message"]

    async def press(self, label: str, card: int = 0, **options: Any) -> list[Event]:
        """Press a button of a card; returns the events of the turn."""
        return events(await self.post(request_of(self.thread_id, (await self.cards())[card], label, **options)))

    async def post(self, request: Any, user: str = "ana") -> Any:
        return await self.world.post(request, user)

    async def say(self, text: str) -> list[Event]:
        return events(await self.post(add_message(self.thread_id, text)))

    async def records(self) -> list[Any]:
        return await self.world.store.approvals.list(self.thread_id, ANA)


def buttons(node: Any) -> dict[str, Any]:
    """Return the actions of a card by the labels of their buttons; a form's submit button has the form's action."""
    found: dict[str, Any] = {}

    def walk(each: Any, form: Any) -> None:
        form = each.get("onSubmitAction", form)
        if each["type"] == "Button":
            found[each["label"]] = form if each.get("submit") else each["onClickAction"]
        for child in each.get("children", []):
            walk(child, form)

    walk(node, None)
    return found


def texts(card: Any) -> list[str]:
    """Return the texts of a card."""
    found = [card["value"]] if "value" in card else []
    return found + [text for child in card.get("children", []) for text in texts(child)]


def request_of(thread_id: str, card: Any, label: str, **fields: str) -> dict[str, Any]:
    action = buttons(card["widget"])[label]
    action = {"type": action["type"], "payload": action["payload"] | fields}
    return {
        "type": "threads.custom_action",
        "params": {"thread_id": thread_id, "item_id": card["id"], "action": action},
    }


def notices(stream: list[Event]) -> list[str]:
    return [event["message"] for event in stream if event["type"] == "notice"]


@pytest.mark.promise("P1")
@pytest.mark.feature("approvals")
async def test_a_call_waits_and_its_card_says_what_will_happen(world_of: WorldOf) -> None:
    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger)), "move 5 look")

    [card] = await chat.cards()
    assert (ledger.moves, ledger.looks) == ([], 1)
    assert "Move $5?" in texts(card["widget"])
    assert list(buttons(card["widget"])) == ["Approve", "Deny", "Details"]
    assert '{"dollars":5}' not in json.dumps(texts(card["widget"]))
    await chat.press("Details")
    assert 'transfer {"dollars":5}' in texts((await chat.cards())[0]["widget"])
    [record] = await chat.records()
    assert (record.status, record.asked.tool, record.asked.arguments) == ("pending", "transfer", '{"dollars":5}')
    assert json.loads(record.asked.siblings) == [{"tool": "look", "output": "balance 100"}]
    assert [event["type"] for event in chat.stream if event["type"] == "error"] == []


@pytest.mark.promise("P1")
@pytest.mark.promise("P3")
@pytest.mark.feature("approvals")
async def test_an_approval_carries_out_exactly_this_call_and_the_answer_goes_on(world_of: WorldOf) -> None:
    ledger, teller = Ledger(), Teller(Ledger())
    teller.ledger = ledger
    chat = await Chat.begin(world_of(teller), "move 5 look")
    await chat.say("and how are you?")

    stream = await chat.press("Approve")

    [record] = await chat.records()
    assert ledger.moves == [(5, record.asked.approval_id)]
    assert (record.status, record.outcome, record.decided_by) == ("done", "moved 5", "ana")
    [card] = await chat.cards()
    assert not buttons(card["widget"])
    assert {"Approved and done", "Move $5?", "moved 5"} <= set(texts(card["widget"]))
    assert await chat.says() == ["fine", "fine"]
    states = [texts(e["item"]["widget"])[0] for e in stream if e["type"] == "thread.item.replaced"]
    assert states == ["Approved; the outcome is not known yet", "Approved and done"]
    told = json.dumps(teller.inputs[-1])
    assert told.count("carried out, once") == 2
    assert "balance 100" in told
    assert "onClickAction" not in told
    assert not [item for item in teller.inputs[-1] if item.get("type", "").startswith("function_call")]


@pytest.mark.promise("P1")
async def test_a_denial_and_its_reason_reach_the_model(world_of: WorldOf) -> None:
    ledger = Ledger()
    teller = Teller(ledger)
    chat = await Chat.begin(world_of(teller), "move 5")

    await chat.press("Deny", reason="  too \n much ")

    [record] = await chat.records()
    assert (ledger.moves, record.status, record.reason) == ([], "denied", "too much")
    assert "Reason: too much" in texts((await chat.cards())[0]["widget"])
    assert "The user denied this call" in json.dumps(teller.inputs[-1])
    assert "too much" in json.dumps(teller.inputs[-1])
    assert await chat.says() == ["fine"]


@pytest.mark.promise("P2")
async def test_a_second_click_changes_nothing(world_of: WorldOf) -> None:
    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger)), "move 5")
    [card] = await chat.cards()
    approve, deny = (request_of(chat.thread_id, card, label) for label in ("Approve", "Deny"))

    first = await asyncio.gather(*(chat.post(approve) for _ in range(4)))
    late = [events(await chat.post(each)) for each in (approve, deny)]

    assert len(ledger.moves) == 1
    assert {response.status_code for response in first} <= {200, 409}
    assert [notices(stream) for stream in late] == [["This was decided before. Nothing was done again."]] * 2
    assert (await chat.records())[0].status == "done"


@pytest.mark.promise("P2")
async def test_several_calls_are_decided_one_by_one_and_the_model_speaks_after_the_last(world_of: WorldOf) -> None:
    ledger = Ledger()
    teller = Teller(ledger)
    chat = await Chat.begin(world_of(teller), "move 5 7 9")
    asked = len(teller.inputs)

    await chat.press("Approve", 1)
    await chat.press("Deny", 0)
    assert (len(teller.inputs), await chat.says()) == (asked, [])
    await chat.press("Approve", 2)

    assert [dollars for dollars, _ in ledger.moves] == [7, 9]
    assert len({key for _, key in ledger.moves}) == 2
    assert (len(teller.inputs), await chat.says()) == (asked + 1, ["fine"])


@pytest.mark.promise("P1")
@pytest.mark.parametrize("change", ["version", "parameters", "gone"])
async def test_a_tool_that_was_changed_has_to_ask_again_and_a_rollback_helps(world_of: WorldOf, change: str) -> None:
    ledger = Ledger()
    world = world_of(Teller(ledger))
    chat = await Chat.begin(world, "move 5")
    changed: Any = {
        "version": Teller(ledger, version="2"),
        "parameters": Teller(ledger, parameters={"type": "object", "properties": {"cents": {"type": "integer"}}}),
        "gone": Teller(ledger, tool_name="other"),
    }[change]
    before = world.assistant.approvals, world.assistant.agent

    world.assistant.approvals, world.assistant.agent = changed.approvals, changed.agent
    stream = await chat.press("Approve")
    assert (ledger.moves, (await chat.records())[0].status) == ([], "pending")
    assert notices(stream) == ["This tool was changed after it asked. Nothing was done: ask the assistant again."]

    world.assistant.approvals, world.assistant.agent = before
    await chat.press("Approve")
    assert len(ledger.moves) == 1


@pytest.mark.promise("P3")
async def test_an_expired_call_is_not_carried_out(world_of: WorldOf) -> None:
    ledger, clock = Ledger(), Clock()
    teller = Teller(ledger)
    world = world_of(teller)
    world.store.approvals.clock = clock
    chat = await Chat.begin(world, "move 5")
    clock.advance(timedelta(days=1))

    stream = await chat.press("Approve")

    assert (ledger.moves, (await chat.records())[0].status) == ([], "expired")
    assert notices(stream) == ["The time to decide is over. Nothing was done: ask the assistant again."]
    assert texts((await chat.cards())[0]["widget"])[0] == "Expired; nothing was done"
    await chat.say("hello")
    assert "did not decide about this call in time" in json.dumps(teller.inputs[-1])


@pytest.mark.promise("P3")
async def test_the_next_turn_closes_expired_calls_and_the_user_can_talk_meanwhile(world_of: WorldOf) -> None:
    ledger, clock = Ledger(), Clock()
    teller = Teller(ledger)
    world = world_of(teller)
    world.store.approvals.clock = clock
    chat = await Chat.begin(world, "move 5")

    await chat.say("hello")
    assert "It is not decided, and the call has not run" in json.dumps(teller.inputs[-1])
    clock.advance(timedelta(days=1))
    await chat.say("hello again")

    assert texts((await chat.cards())[0]["widget"])[0] == "Expired; nothing was done"
    assert await chat.says() == ["fine", "fine"]


@pytest.mark.promise("P2")
async def test_a_process_that_dies_during_the_tool_leaves_an_unknown_outcome(world_of: WorldOf) -> None:
    ledger = Ledger()
    teller = Teller(ledger)
    world = world_of(teller)
    chat = await Chat.begin(world, "move 5")
    reached, never = asyncio.Event(), asyncio.Event()

    async def dies() -> None:
        reached.set()
        await never.wait()

    ledger.after = dies
    [card] = await chat.cards()
    request = request_of(chat.thread_id, card, "Approve")
    dying = Exchange(world.app, request, {"x-auth-token": world.pool.token("ana"), "x-turn-id": "turn-000000042"})
    await asyncio.wait_for(reached.wait(), 5)
    async with world.client() as client:
        await client.post("/chatkit/turns/turn-000000042/cancel")
    await dying.rest()
    ledger.after = None

    assert texts((await chat.cards())[0]["widget"])[0] == "Approved; the outcome is not known yet"
    await chat.say("did it work?")
    [record] = await chat.records()
    assert (record.status, len(ledger.moves)) == ("unknown", 1)
    assert texts((await chat.cards())[0]["widget"])[0] == "Approved; the outcome is unknown"
    assert "may or may not" in json.dumps(teller.inputs[-1])
    stream = events(await chat.post(request))
    assert (len(ledger.moves), notices(stream)) == (1, ["This was decided before. Nothing was done again."])


@pytest.mark.promise("P2")
@pytest.mark.parametrize("moment", ["after the decision", "right before the tool"])
async def test_a_turn_that_was_taken_over_after_its_decision_runs_nothing(world_of: WorldOf, moment: str) -> None:
    ledger = Ledger()
    world = world_of(Teller(ledger))
    chat = await Chat.begin(world, "move 5")
    decide, start = world.store.approvals.decide, world.store.approvals.start

    async def taken_over(thread_id: str, approval_id: str, verdict: Verdict, context: Any) -> Any:
        decided = await decide(thread_id, approval_id, verdict, context)
        await world.store.fence(thread_id, verdict.claim, context)
        return decided

    async def taken_over_later(thread_id: str, approval_id: str, claim: str, context: Any) -> bool:
        await world.store.fence(thread_id, claim, context)
        return await start(thread_id, approval_id, claim, context)

    if moment == "after the decision":
        world.store.approvals.decide = taken_over
    else:
        world.store.approvals.start = taken_over_later
    await chat.press("Approve")

    assert ledger.moves == []
    assert [each.status for each in await chat.records()] == ["begun"]


@pytest.mark.promise("P2")
@pytest.mark.parametrize("moved", [True, False])
async def test_the_tool_can_be_asked_about_the_key_of_an_unknown_outcome(world_of: WorldOf, moved: bool) -> None:
    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger, finds_outcomes=True)), "move 5")
    [record] = await chat.records()
    await chat.world.store.approvals.decide(
        chat.thread_id, record.asked.approval_id, Verdict(True, record.asked.digest, "claim of a dead turn"), ANA
    )
    if moved:
        ledger.moves.append((5, record.asked.approval_id))
    await chat.say("hello")

    await chat.press("Check")

    [record] = await chat.records()
    assert (record.status, record.outcome) == (("done", "moved 5") if moved else ("unknown", ""))
    assert len(ledger.moves) == moved


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
async def test_a_call_cannot_be_decided_elsewhere(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(Teller(ledger))
    chat, other = await Chat.begin(world, "move 5 6"), await Chat.begin(world, "move 7")
    [card, second], [others] = await chat.cards(), await other.cards()
    mine = request_of(chat.thread_id, card, "Approve")
    payload = mine["params"]["action"]["payload"]

    def variant(thread_id: str, item_id: str, **changes: Any) -> Any:
        action = {"type": "approval.approve", "payload": payload | changes}
        params = {"thread_id": thread_id, "item_id": item_id, "action": action}
        return {"type": "threads.custom_action", "params": params}

    refused = [
        await chat.post(mine, "bob"),
        await chat.post(variant(other.thread_id, card["id"])),
        await chat.post(variant(other.thread_id, others["id"])),
        await chat.post(variant(chat.thread_id, card["id"], digest="0" * 64)),
        await chat.post(variant(chat.thread_id, card["id"], id="apr_0")),
        await chat.post(variant(chat.thread_id, second["id"])),
        await chat.post(variant(chat.thread_id, card["id"], id="")),
        await chat.post(variant(chat.thread_id, card["id"], reason="x" * 2_000)),
        await chat.post(variant(chat.thread_id, card["id"]) | {"type": "threads.sync_custom_action"}),
    ]

    assert [each.status_code for each in refused] == [404, 404, 200, 200, 200, 200, 400, 413, 400]
    gone = "This request does not exist any more. Nothing was done."
    assert [notices(events(each)) for each in refused[2:6]] == [[gone]] * 4
    assert ledger.moves == []
    assert [each.status for each in await chat.records()] == ["pending"] * 2


@pytest.mark.promise("P1")
async def test_an_answer_that_is_retried_takes_its_question_back(world_of: WorldOf) -> None:
    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger)), "move 5")
    [card] = await chat.cards()
    old = request_of(chat.thread_id, card, "Approve")
    message = (await chat.items())[0]["id"]

    retry = {"type": "threads.retry_after_item", "params": {"thread_id": chat.thread_id, "item_id": message}}
    await chat.post(retry)
    refused = await chat.post(old)
    await chat.press("Approve")

    assert (refused.status_code, len(ledger.moves)) == (404, 1)


@pytest.mark.promise("P1")
async def test_old_questions_are_within_what_the_model_gets(world_of: WorldOf) -> None:
    teller = Teller(Ledger())
    chat = await Chat.begin(world_of(teller), "move 5")
    for n in range(4):
        await chat.say(f"{n} " + "word " * 5_000)

    told = json.dumps(teller.inputs[-1])
    assert "It is not decided, and the call has not run" in told
    assert len(told) < 90_000
    assert "0 word" not in told


@pytest.mark.promise("P1")
async def test_a_tool_asks_as_a_function_of_its_arguments(world_of: WorldOf) -> None:
    async def large(run: Any, arguments: dict[str, Any], call_id: str) -> bool:
        return arguments["dollars"] > 100

    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger, needs_approval=large)), "move 5 500")

    assert [dollars for dollars, _ in ledger.moves] == [5]
    assert len(await chat.cards()) == 1


@pytest.mark.promise("P1")
@pytest.mark.parametrize("wrap", ["handoff", "handoff object", "agent as tool"])
async def test_other_agents_ask_in_the_same_way(world_of: WorldOf, wrap: str) -> None:
    from agents.testing import ScriptedModel, assistant_message, function_call

    def outer(inner: Agent[Any]) -> Agent[Any]:
        by_tool = wrap == "agent as tool"
        name, arguments = ("ask_teller", {"input": "go"}) if by_tool else ("transfer_to_teller", {})
        model = ScriptedModel([[function_call(name, arguments, call_id="h")], [assistant_message("outer")]])
        tools: Any = [inner.as_tool("ask_teller", "asks")] if by_tool else []
        handoffs: Any = [] if by_tool else [handoff(inner) if wrap == "handoff object" else inner]
        return Agent(name="Front", tools=tools, handoffs=handoffs, model=model)

    ledger = Ledger()
    chat = await Chat.begin(world_of(Teller(ledger, wrap=outer)), "move 5")
    assert ledger.moves == []

    await chat.press("Approve")

    assert [dollars for dollars, _ in ledger.moves] == [5]


async def test_an_assistant_without_approvals_refuses_their_actions(world: World) -> None:
    chat = await Chat.begin(world, "hi")
    action = {"type": "approval.approve", "payload": {"id": "a", "digest": "b"}}
    params = {"thread_id": chat.thread_id, "item_id": "x", "action": action}

    for kind in ("threads.custom_action", "threads.sync_custom_action"):
        response = await chat.post({"type": kind, "params": params})
        assert (response.status_code, "approvals" in response.text) == (400, True)


class Bank(MCPServer):
    """A server of the Model Context Protocol whose tools all need an approval."""

    @property
    def name(self) -> str:
        return "bank"

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(require_approval="always")
        self._ledger = ledger

    async def connect(self) -> None: ...

    async def cleanup(self) -> None: ...

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> list[mcp.types.Tool]:
        schema = {"type": "object", "properties": {"dollars": {"type": "integer"}}}
        return [mcp.types.Tool.model_validate({"name": "transfer", "inputSchema": schema})]

    async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> mcp.types.CallToolResult:
        self._ledger.moves.append((arguments["dollars"], tool_name))
        return mcp.types.CallToolResult(content=[mcp.types.TextContent(type="text", text="moved by MCP")])

    async def list_prompts(self) -> Any: ...

    async def get_prompt(self, name: str, arguments: Any = None) -> Any: ...


@pytest.mark.promise("P1")
async def test_tools_of_mcp_servers_ask_in_the_same_way(world_of: WorldOf) -> None:
    ledger = Ledger()

    def with_server(agent: Agent[Any]) -> Agent[Any]:
        return Agent(name="Teller", mcp_servers=[Bank(ledger)], model=agent.model)

    chat = await Chat.begin(world_of(Teller(ledger, wrap=with_server)), "move 5")
    assert ledger.moves == []

    await chat.press("Approve")

    assert ledger.moves == [(5, "transfer")]
    assert "moved by MCP" in (await chat.records())[0].outcome


@pytest.mark.promise("H7")
@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        {"id": ["a"], "digest": "b"},
        {"id": "a#b", "digest": "b"},
        {"id": "a"},
        {"id": "a" * 101, "digest": "b"},
        {"id": "a", "digest": "b", "reason": {"a": 1}},
    ],
)
async def test_what_is_no_decision_is_refused(world_of: WorldOf, payload: Any) -> None:
    chat = await Chat.begin(world_of(Teller(Ledger())), "move 5")
    [card] = await chat.cards()

    for kind in ("approval.approve", "approval.deny", "approval.other", "approval."):
        params = {"thread_id": chat.thread_id, "item_id": card["id"], "action": {"type": kind, "payload": payload}}
        assert (await chat.post({"type": "threads.custom_action", "params": params})).status_code == 400
    assert [each.status for each in await chat.records()] == ["pending"]


@pytest.mark.promise("P4")
async def test_decisions_are_audited_and_measured_without_their_contents(world_of: WorldOf, log: io.StringIO) -> None:
    world = world_of(Teller(Ledger()))
    chat = await Chat.begin(world, "move 5 7")
    await chat.press("Approve", 0)
    await chat.press("Deny", 1, reason="secret reason")

    audited = [(action.name, action.subject, action.target) for action, _ in world.store.audit.entries]
    ids = [each.asked.approval_id for each in await chat.records()]
    assert audited == [("approval.approved", "ana", ids[0]), ("approval.denied", "ana", ids[1])]
    for turn in world.metrics:
        Metrics("chat").turn(turn)
    lines = log.getvalue()
    for name in ("ApprovalsAsked", "ApprovalsApproved", "ApprovalsDone", "ApprovalsDenied", "ApprovalAge"):
        assert name in lines
    assert "secret reason" not in lines
    assert "moved 5" not in lines
