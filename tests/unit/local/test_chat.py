"""`make chat`: each text once, with or without deltas; whole words; buttons; the assistant's own name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tools.client.chatkit import Event, Opened, Received, RefusedError
from tools.local.chat import terminal
from tools.local.chat.answer import AnswerText, Flow
from tools.local.chat.rendering import buttons_of, item_text
from tools.local.chat.terminal import Chat, name_of

CARD: Event = {
    "type": "Card",
    "confirm": {"label": "Save", "action": {"type": "save", "payload": {"a": 1}}},
    "children": [
        {"type": "Text", "value": "Offer"},
        {
            "type": "Row",
            "children": [{"type": "Button", "label": "Buy", "onClickAction": {"type": "buy", "payload": 7}}],
        },
        {
            "type": "ListViewItem",
            "onClickAction": {"type": "open"},
            "children": [{"type": "Text", "value": "Shoes"}],
        },
        {"type": "Button", "label": "Look", "onClickAction": {"type": "look", "handler": "client"}},
    ],
}


def message(kind: str, text: str, item_id: str = "m1") -> Event:
    content = [{"type": "output_text", "text": text}] if text else []
    return {"type": f"thread.item.{kind}", "item": {"type": "assistant_message", "id": item_id, "content": content}}


def update(kind: str, item_id: str = "m1", **fields: Any) -> Event:
    update = {"type": f"assistant_message.content_part.{kind}", "content_index": 0, **fields}
    return {"type": "thread.item.updated", "item_id": item_id, "update": update}


def shown(*events: Event) -> str:
    text = AnswerText()
    return "".join(text.of(event) for event in events)


class TestText:
    def test_a_whole_item_without_deltas(self) -> None:
        assert shown(message("done", "You said: hi")) == "You said: hi"

    def test_deltas_are_not_repeated_by_the_whole_item(self) -> None:
        deltas = [update("text_delta", delta=word) for word in ("Hello ", "world")]
        part = {"text": "Hello world"}

        assert (
            shown(message("added", ""), *deltas, update("done", content=part), message("done", "Hello world"))
            == "Hello world"
        )

    def test_the_rest_that_had_no_delta(self) -> None:
        assert shown(update("text_delta", delta="Hello"), message("done", "Hello world")) == "Hello world"
        assert shown(message("added", "Hel"), message("done", "Hello")) == "Hello"
        assert shown(update("added", content={"text": "He"}), update("text_delta", delta="y")) == "Hey"

    def test_another_text_than_the_deltas(self) -> None:
        assert shown(update("text_delta", delta="secret"), message("replaced", "removed")) == "secret\nremoved"

    def test_deltas_of_an_item_that_is_done_without_text(self) -> None:
        assert shown(update("text_delta", delta="Hello"), message("done", "")) == "Hello"

    def test_two_items(self) -> None:
        assert shown(message("done", "a", "m1"), message("done", "b", "m2")) == "ab"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=20, force_terminal=True, color_system=None)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestFlow:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
    def test_no_word_is_broken_however_it_arrives(self, console: Console, size: int) -> None:
        text = "You spent 512.40 in total on groceries this month, which is less."
        flow = Flow(console, column=8)
        for start in range(0, len(text), size):
            flow.write(text[start : start + size])
        flow.end()

        lines = printed(console).split("\n")

        assert " ".join(line.strip() for line in lines) == text
        assert len(lines[0]) <= 12
        assert all(len(line) < 20 for line in lines[1:])

    def test_a_word_longer_than_a_line_and_line_ends_stay(self, console: Console) -> None:
        flow = Flow(console)
        flow.write("a\n\nhttps://example.com/a/very/long/address b")
        flow.end()

        assert printed(console).replace("\n", "") == "ahttps://example.com/a/very/long/addressb"
        assert printed(console).startswith("a\n\nhttps://example.com/a/very/long/address")

    def test_a_pipe_gets_the_text_as_it_is(self) -> None:
        console = Console(file=io.StringIO(), width=20)
        flow = Flow(console)
        flow.write("words " * 10)
        flow.end()

        assert printed(console) == "words " * 10


class TestButtons:
    def test_everything_that_can_be_pressed(self) -> None:
        assert [(button.label, button.action["type"]) for button in buttons_of(CARD)] == [
            ("Save", "save"),
            ("Buy", "buy"),
            ("Shoes", "open"),
            ("Look", "look"),
        ]

    def test_are_listed_with_their_command(self) -> None:
        assert "│ [2] Buy: /press 2" in item_text({"type": "widget", "widget": CARD})


class Client:
    """A ChatKitClient that answers with given events and records requests. `running` occupies the thread at first."""

    def __init__(self, *answers: list[Event], running: list[Event] | None = None, wins: bool = True) -> None:
        self.answers, self.requests = list(answers), list[Event]()
        self.running, self.wins = running, wins

    async def answer(self, request: Event, turn_id: str) -> Any:
        if self.running is not None:
            raise RefusedError(409, "busy", "t1", "turn_other")
        self.requests.append(request)
        for event in self.answers.pop(0):
            yield Received(event, 0)

    async def follow(self, turn_id: str) -> Any:
        assert turn_id == "turn_other"
        events, self.running = self.running or [], None
        for event in events:
            yield Received(event, 0)

    async def win(self, turn_id: str, call_id: str) -> bool:
        return self.wins

    async def call(self, request: Event) -> Event:
        return {"data": [{"id": "t1", "created_at": "2026-11-28T10:00:00", "title": "Boats"}]}

    async def thread(self, thread_id: str) -> Opened:
        question = {"type": "user_message", "content": [{"text": "How are my boats?"}]}
        thread = {"id": thread_id, "items": {"data": [question]}}
        return Opened(thread, "turn_other" if self.running is not None else None, interrupted=self.running is None)


@pytest.fixture
def lines(console: Console, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    typed: Iterator[str] = iter(lines)
    monkeypatch.setattr(console, "input", lambda _: next(typed, "/quit"))
    return lines


async def test_a_button_runs_its_action(console: Console, lines: list[str]) -> None:
    card = {"type": "thread.item.done", "item": {"type": "widget", "id": "w1", "widget": CARD}}
    created = {"type": "thread.created", "thread": {"id": "t1"}}
    client = Client([created, card], [message("done", "Bought")])
    lines += ["offer", "/press 2", "/press 4", "/press 9"]

    await Chat(client, console, "shop").run()  # pyright: ignore[reportArgumentType]

    assert client.requests[1]["params"] == {
        "thread_id": "t1",
        "item_id": "w1",
        "action": {"type": "buy", "payload": 7},
    }
    assert len(client.requests) == 2
    assert "shop › Bought" in printed(console)
    assert "[the page handles look]" in printed(console)
    assert "the card has buttons 1 to 4" in " ".join(printed(console).split())


@pytest.mark.promise("R1")
@pytest.mark.feature("running-answers")
async def test_opening_a_conversation_shows_its_running_answer(console: Console, lines: list[str]) -> None:
    client = Client(running=[message("added", "Two boats"), update("text_delta", delta=" float.")])
    lines += ["/threads", "/open 1", "/open 1"]

    await Chat(client, console, "shop").run()  # pyright: ignore[reportArgumentType]

    shown = " ".join(printed(console).split())
    assert "How are my boats? shop › Two boats float." in shown
    assert shown.endswith("[the last answer was interrupted]")


@pytest.mark.promise("R4")
async def test_a_message_waits_for_another_windows_answer(console: Console, lines: list[str]) -> None:
    client = Client([message("done", "Mine", "m2")], running=[message("done", "Theirs")])
    lines += ["hello"]

    await Chat(client, console, "shop").run()  # pyright: ignore[reportArgumentType]

    shown = printed(console)
    assert shown.index("Theirs") < shown.index("Mine")
    assert len(client.requests) == 1


@pytest.mark.promise("R1")
@pytest.mark.feature("client-tools")
async def test_a_tool_that_another_window_runs_is_not_answered(console: Console, lines: list[str]) -> None:
    call = {"type": "client_tool_call", "id": "c1", "name": "open_page", "status": "pending", "arguments": {}}
    created = {"type": "thread.created", "thread": {"id": "t1"}}
    client = Client([created, {"type": "thread.item.done", "item": call}], wins=False)
    lines += ["open my budgets"]

    await Chat(client, console, "shop").run()  # pyright: ignore[reportArgumentType]

    assert len(client.requests) == 1
    assert "another window runs" in " ".join(printed(console).split())


@pytest.mark.parametrize(
    ("factory", "name"),
    [
        ("examples.echo:build", "echo"),
        ("coach.assistant:build", "coach"),
        ("my_shop:make", "my_shop"),
        ("app.assistant:build", "assistant"),
        ("", "assistant"),
    ],
)
def test_the_name_is_the_modules(factory: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "ROOT", tmp_path)

    assert name_of(factory) == name


def test_the_name_is_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "ROOT", tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "brand.json").write_text(json.dumps({"name": "Shoe Shop"}))

    assert name_of("app.assistant:build") == "Shoe Shop"
