"""The coach on the real Agents SDK and `openai` client, against the model server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import AudioInput, FileAttachment, ThreadStreamEvent, WidgetItem

from assistant_kit import failures
from chat_api.assistant import AssistantSettings, ModelOption, Turn
from coach.accounts import dollars, months_before
from coach.accounts_table import AccountsTable
from coach.agent import CoachAgent
from tests.fakes.accounts import accounts_table
from tests.fakes.ledger import read_ledger
from tests.fakes.turn import Conversation
from tests.integration.model_server.conftest import MODEL, until
from tools.local.openai.server import API_KEY, ModelServer
from tools.local.openai.transcription import spoken

TODAY = date(2026, 5, 20)


async def _key() -> str:
    return API_KEY


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountsTable]:
    with accounts_table() as table:
        yield table


MENU = tuple(ModelOption(id=name, label=name) for name in (MODEL, "gpt-5-mini", "gpt-4.1"))


def agent_of(model: ModelServer, accounts: AccountsTable, name: str = MODEL) -> CoachAgent:
    settings = AssistantSettings(name, model.url, _key, models=MENU, reasoning_effort="low")
    return CoachAgent(settings, accounts, today=lambda: TODAY)


@pytest.fixture
async def coach(model: ModelServer, accounts: AccountsTable) -> AsyncIterator[CoachAgent]:
    agent = agent_of(model, accounts)
    yield agent
    await agent.close()


async def run(coach: CoachAgent, talk: Conversation, text: str, turn: Turn | None = None) -> list[ThreadStreamEvent]:
    """Send a message and store completed items as ChatKit does."""
    message = await talk.say(text)
    events: list[ThreadStreamEvent] = []
    async for event in coach.respond(talk.thread, message, turn or talk.turn()):
        events.append(event)
        if event.type == "thread.item.done":
            await talk.store.add_thread_item(talk.thread.id, event.item, talk.context)
    return events


def text_of(events: list[ThreadStreamEvent]) -> str:
    return "".join(
        part.text
        for event in events
        if event.type == "thread.item.done" and event.item.type == "assistant_message"
        for part in event.item.content
    )


def deltas_of(events: list[Any]) -> list[str]:
    kind = "assistant_message.content_part.text_delta"
    return [event.update.delta for event in events if getattr(event, "update", None) and event.update.type == kind]


class TestAnswers:
    async def test_numbers_come_from_the_users_accounts(self, coach: CoachAgent, model: ModelServer) -> None:
        events = await run(coach, Conversation("ada"), "How much did I spend on groceries in the last 2 months?")
        spent = read_ledger("ada", TODAY).spent("groceries", months_before(TODAY, 2))
        assert f"{dollars(spent.cents)} on groceries in the last 2 months" in text_of(events)
        assert f"{spent.purchases} purchases" in text_of(events)
        call, output = model.requests[-1].body["input"][-2:]
        assert (call["type"], output["type"]) == ("function_call", "function_call_output")
        assert json.loads(output["output"])["total"] == dollars(spent.cents)

    async def test_each_user_gets_their_own(self, coach: CoachAgent) -> None:
        answers = [text_of(await run(coach, Conversation(user), "What are my balances?")) for user in ("ada", "bob")]
        assert dollars(read_ledger("ada", TODAY).balance("cash")) in answers[0]
        assert dollars(read_ledger("bob", TODAY).balance("cash")) in answers[1]
        assert answers[0] != answers[1]

    async def test_text_is_streamed_word_by_word(self, coach: CoachAgent) -> None:
        events = await run(coach, Conversation(), "simulate long 30")
        assert len(deltas_of(events)) == 30
        assert "".join(deltas_of(events)) == text_of(events)

    async def test_the_whole_conversation_is_sent_in_order(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Conversation()
        for text in ("My first question", "And a second one"):
            await run(coach, talk, text)
        events = await run(coach, talk, "What did I just ask?")
        assert "“And a second one”" in text_of(events)
        roles = [item["role"] for item in model.requests[-1].body["input"]]
        assert roles == ["user", "assistant", "user", "assistant", "user"]

    async def test_attachments_reach_the_model(self, coach: CoachAgent) -> None:
        talk = Conversation()
        file = FileAttachment(id="f1", name="bill.txt", mime_type="text/plain")
        message = await talk.say("Look at this", [file])
        events = [event async for event in coach.respond(talk.thread, message, talk.turn())]
        assert "“content of bill.txt”" in text_of(events)

    async def test_nothing_is_stored_or_traced_at_openai(self, coach: CoachAgent, model: ModelServer) -> None:
        await run(coach, Conversation(), "hello")
        assert model.requests[-1].body["store"] is False
        assert {request.path for request in model.requests} == {"/v1/responses"}

    async def test_thoughts_travel_encrypted_with_the_tool_result(self, coach: CoachAgent, model: ModelServer) -> None:
        events = await run(coach, Conversation(), "think: what did I spend on dining?")
        assert "on dining" in text_of(events)
        thoughts = [item for item in model.requests[-1].body["input"] if item.get("type") == "reasoning"]
        assert [item["encrypted_content"] for item in thoughts] == ["gAAAA-thoughts"]

    @pytest.mark.parametrize("name", ["gpt-6.1-terra", "gpt-6-luna", "gpt-5.6-sol", "o4-mini", "openai/gpt-6.1-sol"])
    async def test_any_model_that_thinks_gets_its_thoughts_back(
        self, model: ModelServer, accounts: AccountsTable, name: str
    ) -> None:
        coach = agent_of(model, accounts, name)
        assert "on dining" in text_of(await run(coach, Conversation(), "think: what did I spend on dining?"))
        await coach.close()

    @pytest.mark.parametrize("name", ["gpt-4.1", "llama3.3:70b"])
    async def test_a_model_that_refuses_options_is_asked_without_them_from_then_on(
        self, model: ModelServer, accounts: AccountsTable, name: str
    ) -> None:
        coach = agent_of(model, accounts, name)
        before = len(model.requests)
        assert text_of(await run(coach, Conversation(), "What did I spend on rent?"))
        refused = [request.status for request in list(model.requests)[before:]]
        assert refused == [400, 400, 200, 200]  # `include`, then the effort
        before = len(model.requests)
        assert text_of(await run(coach, Conversation(), "What did I spend on rent?"))
        assert [request.status for request in list(model.requests)[before:]] == [200, 200]
        await coach.close()

    async def test_item_ids_never_repeat(self, coach: CoachAgent) -> None:
        talk = Conversation()
        for _ in range(3):
            await run(coach, talk, "hello")
        assert len({item.id for item in await talk.items()}) == 6

    async def test_concurrent_turns_do_not_mix(self, coach: CoachAgent) -> None:
        users = [f"user-{number}" for number in range(6)]
        answers = await asyncio.gather(*(run(coach, Conversation(user), "What are my balances?") for user in users))
        for user, events in zip(users, answers, strict=True):
            assert dollars(read_ledger(user, TODAY).balance("savings")) in text_of(events)


class TestWidgets:
    async def test_balances_come_with_a_card_before_the_words(self, coach: CoachAgent) -> None:
        talk = Conversation("ada")
        await run(coach, talk, "What are my balances?")
        question, card, answer = await talk.items()
        assert [question.type, card.type, answer.type] == ["user_message", "widget", "assistant_message"]
        assert isinstance(card, WidgetItem)
        assert dollars(read_ledger("ada", TODAY).balance("cash")) in card.widget.model_dump_json()
        assert card.copy_text

    async def test_spending_of_months_comes_with_progress_and_a_chart(self, coach: CoachAgent) -> None:
        events = await run(coach, Conversation("ada"), "What did I spend on dining in 6 months?")
        kinds = [event.type for event in events]
        assert kinds[0] == "progress_update"
        charts = [e.item for e in events if e.type == "thread.item.done" and isinstance(e.item, WidgetItem)]
        assert len(charts) == 1
        assert '"Chart"' in charts[0].widget.model_dump_json()

    async def test_a_card_is_not_taken_for_a_question(self, coach: CoachAgent) -> None:
        talk = Conversation()
        await run(coach, talk, "What are my balances?")
        assert "You asked: “What are my balances?”." in text_of(await run(coach, talk, "What did I just ask?"))


class TestTitle:
    async def test_title_is_of_the_first_message(self, coach: CoachAgent, model: ModelServer) -> None:
        message = await Conversation().say("how much did I spend on groceries last month?")
        assert await coach.title(message) == "How much did I spend on"
        assert model.requests[-1].body["store"] is False

    async def test_model_without_reasoning_gives_titles_too(self, model: ModelServer, accounts: AccountsTable) -> None:
        coach = agent_of(model, accounts, "gpt-4.1")
        await run(coach, Conversation(), "hello")
        assert await coach.title(await Conversation().say("Rent")) == "Rent"
        assert "reasoning" not in model.requests[-1].body
        await coach.close()


class TestFailures:
    @pytest.mark.promise("H9")
    @pytest.mark.parametrize(
        ("text", "message", "allow_retry"),
        [
            ("simulate error 401", failures.UNAVAILABLE, False),
            ("simulate error 403", failures.UNAVAILABLE, False),
            ("simulate error 404", failures.GONE, False),
            ("simulate error 429", failures.BUSY, True),
            ("simulate quota", failures.UNAVAILABLE, False),
            ("simulate error 500", failures.BUSY, True),
            ("simulate error 400", failures.REFUSED, False),
            ("simulate context", failures.TOO_LONG, False),
            ("simulate cut", failures.INTERRUPTED, True),
            ("simulate failed", failures.INTERRUPTED, True),
            ("simulate incomplete", failures.INTERRUPTED, True),
        ],
    )
    async def test_each_failure_has_its_message_and_no_log_quotes_it(
        self, coach: CoachAgent, caplog: pytest.LogCaptureFixture, text: str, message: str, allow_retry: bool
    ) -> None:
        talk = Conversation()
        with caplog.at_level(logging.INFO), pytest.raises(CustomStreamError) as caught:
            await run(coach, talk, text)
        assert (caught.value.message, caught.value.allow_retry) == (message, allow_retry)
        assert text not in caplog.text
        assert "model failed" in caplog.text

    async def test_the_thread_stays_usable(self, coach: CoachAgent) -> None:
        talk = Conversation()
        with pytest.raises(CustomStreamError):
            await run(coach, talk, "simulate error 400")
        assert "Spendo" in text_of(await run(coach, talk, "hello"))

    async def test_a_refusal_is_an_answer(self, coach: CoachAgent) -> None:
        assert text_of(await run(coach, Conversation(), "simulate refusal")) == "I cannot help with that."


class TestVanishedModels:
    """A model that was shut down: the default answers, the user is told, and the operator is alarmed."""

    @pytest.fixture(autouse=True)
    def gone(self, model: ModelServer) -> Iterator[None]:
        model.missing_models.add("gpt-5-mini")
        yield
        model.missing_models.clear()

    async def choose(self, coach: CoachAgent, talk: Conversation, turn: Turn) -> list[ThreadStreamEvent]:
        message = await talk.say("What are my balances?")
        message.inference_options.model = "gpt-5-mini"
        await talk.store.save_item(talk.thread.id, message, talk.context)
        return [event async for event in coach.respond(talk.thread, message, turn)]

    @pytest.mark.feature("model-lifecycle")
    async def test_the_default_answers_for_a_vanished_choice(self, coach: CoachAgent, model: ModelServer) -> None:
        talk, before = Conversation("ada"), len(model.requests)
        turn = talk.turn()
        events = await self.choose(coach, talk, turn)
        assert "in cash" in text_of(events)
        assert [each.message for each in events if each.type == "notice"] == [
            f"gpt-5-mini was shut down. {MODEL} answers instead."
        ]
        assert turn.missing_model == "gpt-5-mini"
        names = [request.body["model"] for request in list(model.requests)[before:]]
        assert names == ["gpt-5-mini", MODEL, MODEL]
        await self.choose(coach, talk, talk.turn())
        assert "gpt-5-mini" not in [request.body["model"] for request in list(model.requests)[before + 3 :]]

    async def test_a_vanished_default_is_explained(self, coach: CoachAgent, model: ModelServer) -> None:
        model.missing_models.add(MODEL)
        talk = Conversation()
        turn = talk.turn()
        with pytest.raises(CustomStreamError) as caught:
            await run(coach, talk, "hello", turn)
        assert caught.value.message == failures.GONE
        assert turn.missing_model == MODEL


class TestStop:
    """However a turn ends, the model's connection closes within a second and no task remains.

    The runtime waits for all tasks of a request (promise L4).
    """

    @pytest.fixture(autouse=True)
    def quiet(self, caplog: pytest.LogCaptureFixture) -> Any:
        """No task may end without its outcome being retrieved: asyncio logs those as errors."""
        yield
        gc.collect()  # makes asyncio log unretrieved outcomes now
        assert [record for record in caplog.records if record.name == "asyncio"] == []

    @pytest.mark.promise("H6")
    @pytest.mark.parametrize("text", ["simulate slow 0.1", "simulate silence", "simulate timeout"])
    @pytest.mark.parametrize("way", ["stop then cancel", "cancel"])
    async def test_cancelled_turn_leaves_nothing(
        self, coach: CoachAgent, model: ModelServer, text: str, way: str
    ) -> None:
        talk = Conversation()
        turn = talk.turn()
        seen = len(model.requests)
        before = asyncio.all_tasks()
        task = asyncio.create_task(run(coach, talk, text, turn))
        await until(lambda: len(model.requests) > seen and model.requests[-1].body)
        if text == "simulate slow 0.1":
            await until(lambda: model.requests[-1].delta_times)
        stopped_at = time.time()
        if way == "stop then cancel":
            turn.stop()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: model.requests[-1].closed_early_at, seconds=1)
        assert (model.requests[-1].closed_early_at or 0) - stopped_at < 1
        await until(lambda: asyncio.all_tasks() <= before, seconds=1)

    async def test_closed_generator_leaves_nothing(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Conversation()
        before = asyncio.all_tasks()
        message = await talk.say("simulate slow 0.1")
        events: Any = coach.respond(talk.thread, message, talk.turn())
        async for event in events:
            if deltas_of([event]):
                break
        await events.aclose()
        await until(lambda: model.requests[-1].closed_early_at, seconds=1)
        await until(lambda: asyncio.all_tasks() <= before, seconds=1)

    @pytest.mark.parametrize("text", ["hello", "simulate cut", "simulate error 400", "What are my balances?"])
    async def test_ended_turn_leaves_nothing(self, coach: CoachAgent, text: str) -> None:
        before = asyncio.all_tasks()
        with contextlib.suppress(CustomStreamError):
            await run(coach, Conversation(), text)
        await until(lambda: asyncio.all_tasks() <= before, seconds=1)


async def test_a_vanished_model_for_dictation_is_reported(coach: CoachAgent, model: ModelServer) -> None:
    talk = Conversation()
    turn = talk.turn()
    model.missing_models.add("gpt-transcribe")
    try:
        with pytest.raises(CustomStreamError, match="was shut down"):
            await coach.transcribe(AudioInput(data=spoken("hello"), mime_type="audio/webm"), turn)
    finally:
        model.missing_models.clear()
    assert turn.missing_model == "gpt-transcribe"
