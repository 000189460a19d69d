"""P5: "Always allow" through the endpoint: granted on a card, used without one, listed, revoked, and asked again."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from agents import Agent

from assistant_kit import approval_cards
from assistant_kit import approvals as module
from assistant_kit.approvals import MAX_UNASKED, anything, at_most, bounded
from languages import Speech
from store_dynamo.approvals import Approval, Asked
from store_dynamo.testing import Clock
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.teller import Ledger, Teller
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import events
from tests.unit.chat_api.test_approvals import ANA, Chat, buttons, notices, request_of, texts
from tests.unit.chat_api.test_telemetry import log
from tools.client.chatkit import add_message

__all__ = ["log"]

pytestmark = pytest.mark.promise("P5")

WorldOf = Callable[..., World]


def teller(ledger: Ledger, **options: Any) -> Teller:
    return Teller(ledger, always_allow=bounded(dollars=at_most), **options)


async def allowing(world: World, message: str = "move 5", user: str = "ana") -> Chat:
    """Return a chat in which a transfer of this amount is always allowed."""
    chat = await Chat.begin(world, message, user)
    card = next(item for item in await chat.items(user) if item["type"] == "widget")
    await chat.post(request_of(chat.thread_id, card, "Always allow"), user)
    return chat


async def listed(world: World, user: str = "ana") -> list[Any]:
    async with world.client(user) as client:
        return (await client.get("/chatkit/allowances")).json()["data"]


async def revoke(world: World, allowance_id: str, user: str = "ana") -> int:
    async with world.client(user) as client:
        return (await client.post(f"/chatkit/allowances/{allowance_id}/revoke")).status_code


@pytest.mark.feature("allowances")
async def test_a_later_call_within_the_bounds_runs_once_without_a_card_and_says_why(world_of: WorldOf) -> None:
    ledger = Ledger()
    assistant = teller(ledger)
    chat = await allowing(world_of(assistant))
    [granted] = await chat.records()
    model_calls = len(assistant.inputs)

    stream = await chat.say("move 4")

    used = (await chat.records())[-1]
    assert ledger.moves == [(5, granted.asked.approval_id), (4, used.asked.approval_id)]
    assert (granted.allowance, used.allowance) == (granted.asked.approval_id, granted.asked.approval_id)
    assert (used.status, used.outcome, used.decided_by) == ("done", "moved 4", "ana")
    card = (await chat.cards())[-1]["widget"]
    assert "Always allowed, and done" in texts(card)
    assert any("because you always allow: transfer: dollars up to 5" in text for text in texts(card))
    assert not buttons(card)
    assert len(assistant.inputs) == model_calls + 2
    assert "The user always allows such calls, and was not asked." in json.dumps(assistant.inputs[-1])
    assert [event["type"] for event in stream if event["type"] == "error"] == []
    assert (await chat.says())[-1] == "fine"


async def test_the_card_says_what_will_always_be_allowed_and_only_with_the_authors_bounds(world_of: WorldOf) -> None:
    ledger = Ledger()
    offering = await Chat.begin(world_of(teller(ledger)), "move 5")
    [card] = await offering.cards()
    assert list(buttons(card["widget"])) == ["Approve", "Always allow", "Deny", "Details"]
    assert "“Always allow” covers from now on: transfer: dollars up to 5" in texts(card["widget"])

    for rules in (None, bounded("other")):
        plain = await Chat.begin(world_of(Teller(ledger, always_allow=rules)), "move 5")
        [card] = await plain.cards()
        assert list(buttons(card["widget"])) == ["Approve", "Deny", "Details"]
        action = buttons(card["widget"])["Approve"] | {"type": "approval.always"}
        params = {"thread_id": plain.thread_id, "item_id": card["id"], "action": action}
        stream = events(await plain.post({"type": "threads.custom_action", "params": params}))
        assert notices(stream) == ["This cannot always be allowed. Nothing was done: you can approve this one call."]
        assert (await plain.records())[0].status == "pending"
        assert await listed(plain.world) == []
    assert ledger.moves == []


async def test_a_call_outside_the_bounds_asks_and_approving_it_once_widens_nothing(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await allowing(world)

    await chat.say("move 6")
    assert [dollars for dollars, _ in ledger.moves] == [5]
    await chat.press("Approve", -1)
    await chat.say("move 6")

    assert [dollars for dollars, _ in ledger.moves] == [5, 6]
    assert (await chat.records())[-1].status == "pending"
    assert len(await listed(world)) == 1


async def test_revoking_takes_effect_for_the_next_call(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await allowing(world)
    [allowance] = await listed(world)
    assert allowance == {
        "id": (await chat.records())[0].asked.approval_id,
        "tool": "transfer",
        "words": "transfer: dollars up to 5",
        "granted_at": allowance["granted_at"],
        "until": None,
        "thread_id": chat.thread_id,
    }

    assert [await revoke(world, allowance["id"]) for _ in range(2)] == [200, 200]
    await chat.say("move 1")

    assert (len(ledger.moves), (await chat.records())[-1].status, await listed(world)) == (1, "pending", [])
    assert await revoke(world, "%23" * 300) == 400
    assert [action.name for action, _ in world.store.audit.entries] == [
        "approval.approved",
        "allowance.granted",
        "allowance.revoked",
    ]


async def test_a_call_is_asked_for_if_its_allowance_is_revoked_meanwhile(world_of: WorldOf) -> None:
    """Between the read of the allowances and the start of the call."""
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await allowing(world)
    allowances = world.store.allowances
    reading = allowances.list

    async def list_and_revoke(context: Any) -> Any:
        found = await reading(context)
        allowances.granted.clear()
        return found

    allowances.list = list_and_revoke
    stream = await chat.say("move 1 2")

    assert len(ledger.moves) == 1
    assert [each.status for each in await chat.records()][-2:] == ["pending"] * 2
    assert [list(buttons(card["widget"])) for card in (await chat.cards())[-2:]] == [
        ["Approve", "Always allow", "Deny", "Details"]
    ] * 2
    assert not [event for event in stream if event["type"] == "error"]


async def test_an_allowance_is_its_users_own(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    await allowing(world)
    [allowance] = await listed(world)

    other = await Chat.begin(world, "move 1", "bob")

    assert len(ledger.moves) == 1
    assert [each.status for each in await world.store.approvals.list(other.thread_id, request_context("bob"))] == [
        "pending"
    ]
    assert (await listed(world, "bob"), await revoke(world, allowance["id"], "bob")) == ([], 200)
    assert len(await listed(world)) == 1
    async with world.client(None) as client:
        assert (await client.get("/chatkit/allowances")).status_code == 401
        assert (await client.post(f"/chatkit/allowances/{allowance['id']}/revoke")).status_code == 401


@pytest.mark.parametrize("change", ["version", "parameters", "bounds", "agent"])
async def test_a_tool_that_was_changed_asks_again(world_of: WorldOf, change: str) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await allowing(world)
    schema = {"type": "object", "properties": {"dollars": {"type": "integer", "description": "cents"}}}

    def renamed(agent: Agent[Any]) -> Agent[Any]:
        return agent.clone(name="Other")

    changed: Any = {
        "version": teller(ledger, version="2"),
        "parameters": teller(ledger, parameters=schema),
        "bounds": Teller(ledger, always_allow=bounded(dollars=at_most, note=anything)),
        "agent": teller(ledger, wrap=renamed),
    }[change]
    world.assistant.approvals, world.assistant.agent = changed.approvals, changed.agent

    await chat.say("move 1")

    assert (len(ledger.moves), (await chat.records())[-1].status) == (1, "pending")


async def test_a_tool_whose_bounds_changed_since_its_card_grants_nothing(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await Chat.begin(world, "move 5")
    changed = Teller(ledger, always_allow=bounded(dollars=anything))
    world.assistant.approvals, world.assistant.agent = changed.approvals, changed.agent

    stream = await chat.press("Always allow")

    assert notices(stream) == ["This tool was changed after it asked. Nothing was done: ask the assistant again."]
    assert (ledger.moves, await listed(world)) == ([], [])
    assert (await chat.records())[0].status == "pending"


async def test_a_model_that_repeats_itself_has_to_ask(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger, repeats=True))
    await allowing(world)

    chat = await Chat.begin(world, "move 1")

    assert [dollars for dollars, _ in ledger.moves] == [5, 1]
    assert [each.status for each in await chat.records()] == ["done", "pending"]


async def test_a_turn_carries_out_a_bounded_number_of_calls_without_a_card(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    await allowing(world, "move 9")

    chat = await Chat.begin(world, "move 1 2 3 4 5 6 6 7")

    assert [dollars for dollars, _ in ledger.moves] == [9, 1, 2, 3, 4, 5]
    assert Counter(each.status for each in await chat.records()) == {"done": MAX_UNASKED, "pending": 3}


async def test_of_equal_calls_in_one_response_one_runs(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    await allowing(world)

    chat = await Chat.begin(world, "move 2 2")

    assert [dollars for dollars, _ in ledger.moves] == [5, 2]
    assert Counter(each.status for each in await chat.records()) == {"done": 1, "pending": 1}


async def test_of_several_calls_the_covered_ones_run_and_the_others_ask(world_of: WorldOf) -> None:
    ledger = Ledger()
    assistant = teller(ledger)
    world = world_of(assistant)
    await allowing(world)
    before = len(assistant.inputs)

    chat = await Chat.begin(world, "move 1 9 2")
    assert [dollars for dollars, _ in ledger.moves] == [5, 1, 2]
    states = {each.asked.arguments: each.status for each in await chat.records()}
    assert states == {'{"dollars":1}': "done", '{"dollars":9}': "pending", '{"dollars":2}': "done"}
    assert (len(assistant.inputs), await chat.says()) == (before + 1, [])
    await chat.press("Deny", 1)

    assert (len(assistant.inputs), await chat.says()) == (before + 2, ["fine"])


async def test_allowances_end_at_the_time_of_their_author(world_of: WorldOf) -> None:
    ledger, clock = Ledger(), Clock()
    world = world_of(teller(ledger, always_life=timedelta(days=30), life=timedelta(days=90)))
    world.store.approvals.clock = world.store.allowances.clock = clock
    chat = await allowing(world)
    [allowance] = await listed(world)
    assert allowance["words"] == "transfer: dollars up to 5, for 30 days"
    assert allowance["until"] == (clock() + timedelta(days=30)).isoformat()

    clock.advance(timedelta(days=30))
    await chat.say("move 1")

    assert (len(ledger.moves), await listed(world)) == (1, [])


async def test_nothing_is_offered_without_its_words(world_of: WorldOf) -> None:
    def no_words(args: Any, speech: Any) -> str:
        raise KeyError("x")

    for words in (no_words, lambda args, speech: "too long " * 200):
        chat = await Chat.begin(world_of(teller(Ledger(), always_words=words)), "move 5")
        assert "Always allow" not in buttons((await chat.cards())[0]["widget"])


@pytest.mark.parametrize("status", ["begun", "done", "failed", "unknown"])
def test_a_card_of_a_covered_call_never_says_that_the_user_approved_it(status: Any) -> None:
    asked = Asked("apr", "g", "i", "transfer", "{}", "d", "Move?", Clock()(), allows="transfers", offer="")
    covered = Approval(asked, status, Clock()(), Clock()(), "ana", allowance="apr_0")

    heading, *_ = texts(approval_cards.card(covered, Speech("en")).model_dump(exclude_none=True))
    assert heading.startswith("Always allowed")
    assert "approved" not in approval_cards.told(covered)[0]


async def test_a_call_of_a_turn_that_was_stopped_is_unknown_and_never_repeated(world_of: WorldOf) -> None:
    ledger = Ledger()
    world = world_of(teller(ledger))
    chat = await allowing(world)

    async def stop() -> None:
        async with world.client() as client:
            await client.post("/chatkit/turns/turn-000000042/cancel")
        await asyncio.Event().wait()

    ledger.after = stop
    headers = {"x-auth-token": world.pool.token("ana"), "x-turn-id": "turn-000000042"}
    await Exchange(world.app, add_message(chat.thread_id, "move 1"), headers).rest()
    assert (await chat.records())[-1].status == "begun"
    await chat.say("hello")

    assert (await chat.records())[-1].status == "unknown"
    assert [dollars for dollars, _ in ledger.moves] == [5, 1]
    assert texts((await chat.cards())[-1]["widget"])[0] == "Always allowed; the outcome is unknown"


async def test_the_number_of_allowances_is_bounded(world_of: WorldOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ALLOWANCES", 1)
    ledger = Ledger()
    world = world_of(teller(ledger))
    await allowing(world)
    chat = await Chat.begin(world, "move 9")

    stream = await chat.press("Always allow")

    assert "revoke one first" in notices(stream)[0]
    assert ((await chat.records())[0].status, len(await listed(world)), len(ledger.moves)) == ("pending", 1, 1)


@pytest.mark.parametrize(
    ("assistant", "message", "reads"),
    [
        (Teller(Ledger()), "move 5", 0),
        (Teller(Ledger(), always_allow=True), "look", 0),
        (Teller(Ledger(), always_allow=True), "move 5 6 7", 1),
    ],
    ids=["not offered", "no call", "three calls"],
)
async def test_allowances_are_read_only_for_a_call_that_offers_them(
    world_of: WorldOf, assistant: Teller, message: str, reads: int
) -> None:
    world = world_of(assistant)
    counted: list[Any] = []
    reading = world.store.allowances.list

    async def count(context: Any) -> Any:
        counted.append(context)
        return await reading(context)

    world.store.allowances.list = count
    await Chat.begin(world, message)

    assert len(counted) == reads


async def test_operators_see_counts_and_an_audit_record_without_contents(world_of: WorldOf, log: Any) -> None:
    world = world_of(teller(Ledger()))
    chat = await allowing(world)
    await chat.say("move 4")

    audited = [(action.name, action.target) for action, _ in world.store.audit.entries]
    granted, used = (each.asked.approval_id for each in await chat.records())
    assert audited == [("approval.approved", granted), ("allowance.granted", granted), ("allowance.used", used)]
    counts = [each.approvals for each in world.metrics]
    assert {"approved": 1, "always": 1, "done": 1} in counts
    assert {"allowed": 1, "done": 1} in counts
    assert "up to 5" not in log.getvalue()


@pytest.mark.parametrize("seed", range(12))
async def test_a_random_history_never_moves_more_than_was_allowed(world_of: WorldOf, seed: int) -> None:
    """Grants, revocations, two users, changed tools and calls of any amount, compared with a plain model of both."""
    dice, ledger, version = random.Random(seed), Ledger(), "1"
    world = world_of(teller(ledger))
    limits: dict[str, dict[str, tuple[str, int]]] = {"ana": {}, "bob": {}}
    for _ in range(25):
        user, dollars = dice.choice(("ana", "ana", "bob")), dice.randint(0, 9)
        action = dice.choice(("call", "call", "always", "revoke", "deploy"))
        if action == "deploy":
            version = dice.choice("12")
            changed = teller(ledger, version=version)
            world.assistant.approvals, world.assistant.agent = changed.approvals, changed.agent
        elif action == "revoke" and limits[user]:
            gone = dice.choice(list(limits[user]))
            assert await revoke(world, gone, user) == 200
            del limits[user][gone]
        elif action in ("call", "always"):
            before = len(ledger.moves)
            chat = await Chat.begin(world, f"move {dollars}", user)
            context = replace(ANA, user_id=user)
            [record] = await world.store.approvals.list(chat.thread_id, context)
            covered = any(known == version and dollars <= limit for known, limit in limits[user].values())
            assert (len(ledger.moves) - before, record.status) == ((1, "done") if covered else (0, "pending"))
            assert not covered or record.allowance in limits[user]
            if action == "always" and not covered:
                card = next(item for item in await chat.items(user) if item["type"] == "widget")
                await chat.post(request_of(chat.thread_id, card, "Always allow"), user)
                limits[user][record.asked.approval_id] = version, dollars
        keys = [key for _, key in ledger.moves]
        assert len(keys) == len(set(keys))
