"""`make chat`: output of a conversation in a terminal, and answers on behalf of the page and the user."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.integration.coach.conftest import USER, Talk
from tools.client.chatkit import ChatKitClient
from tools.local.chat.terminal import Chat


class Terminal(Console):
    """A console whose user types the given lines one after the other."""

    def __init__(self, *lines: str) -> None:
        super().__init__(file=StringIO(), width=200)
        self._typed: Iterator[str] = iter(lines)

    def input(self, prompt: Any = "", **_: Any) -> str:
        self.print(prompt, end="")
        return next(self._typed, "/quit")

    @property
    def shown(self) -> str:
        assert isinstance(self.file, StringIO)
        return self.file.getvalue()


@pytest.fixture
def client(talk: Talk) -> ChatKitClient:
    client = ChatKitClient("http://test", "")
    client._http = talk.world.client(USER)
    client._headers = {"content-type": "application/json"}
    return client


async def chat(client: ChatKitClient, *lines: str) -> str:
    terminal = Terminal(*lines)
    async with client:
        await Chat(client, terminal).run()
    return terminal.shown


async def test_words_cards_and_titles_are_shown(client: ChatKitClient) -> None:
    shown = await chat(client, "What are my balances?")
    assert "│ Cash  $" in shown
    assert "in cash" in shown
    assert "[title: What are my balances]" in shown


async def test_steps_pictures_and_sources_are_shown(client: ChatKitClient) -> None:
    shown = await chat(client, "Analyze my spending", "Draw a picture of a boat", "simulate source")
    assert "✓ Add up every month\n✓ Compare the last month" in shown
    assert "[picture: https://" in shown
    assert "[source: Budget guide https://example.com/budget]" in shown


async def test_a_form_is_filled_in(client: ChatKitClient) -> None:
    shown = await chat(client, "Set a budget for dining", "/save 321", "Which budgets do I have?")
    assert "amount: /save VALUE" in shown
    assert "Your budgets: $321.00 for dining." in shown


async def test_questions_are_asked_and_the_page_answers(client: ChatKitClient) -> None:
    shown = await chat(client, "I am saving for a boat", "1200", "12 months", "", "Open my budgets")
    assert "from? (Cash / Savings / Investing)" in shown
    assert "That takes $100.00 a month for 12 months." in shown
    assert "[the page: open_page page=budgets]" in shown
    assert 'open_page answered: {"done": "open_page", "page": "budgets"}' in shown


async def test_failures_are_told_and_the_conversation_goes_on(client: ChatKitClient) -> None:
    shown = await chat(client, "simulate error 500", "What did I just ask?")
    assert "The model is busy right now. Please try again in a moment. You can try again." in shown
    assert "You asked: “simulate error 500”" in shown


@pytest.mark.promise("P5")
@pytest.mark.feature("allowances")
async def test_transfers_are_always_allowed_until_they_are_revoked(client: ChatKitClient) -> None:
    words = "transfers from Cash to Savings, each up to $20.00"
    shown = await chat(
        client,
        "/allowed",
        "/revoke 1",
        "Move $20 to savings",
        "/always",
        "Move $15 to savings",
        "/allowed",
        "/revoke 1",
        "Move $10 to savings",
    )
    assert "[nothing is always allowed]" in shown
    assert "/allowed shows the numbers that /revoke takes" in shown
    assert "/always allows such calls from now on" in shown
    assert f"From then on always allowed: {words}." in shown
    assert "Done: $15.00 was moved." in shown
    assert f"1 · {words} · since" in shown
    assert f"[asks again: {words}]" in shown
    assert "Done: $10.00 was moved." not in shown
    assert "│ Move $10.00 from Cash to Savings?" in shown.rpartition("asks again")[2]


@pytest.mark.promise("P1")
@pytest.mark.feature("approvals")
async def test_a_call_is_approved_and_another_one_is_denied(client: ChatKitClient) -> None:
    shown = await chat(
        client, "Move $200 to savings", "/details", "/yes", "/yes", "Move $5 to investing", "/no too little"
    )
    assert "│ Move $200.00 from Cash to Savings?" in shown
    assert "│ /yes approves it · /no REASON denies it" in shown
    assert 'transfer {"amount_dollars":200,"source":"cash","target":"savings"}' in shown
    assert "Done: $200.00 was moved." in shown
    assert "nothing waits for your approval" in shown
    assert "Reason: too little" in shown
    assert "I left it, as you said." in shown
