"""`ChatKitClient.follow` reads a running turn in finite responses."""

from __future__ import annotations

import json

import httpx
import pytest

from tools.client.chatkit import ChatKitClient, DeadTurnError, RefusedError


def data(*deltas: str) -> str:
    """Return events with a text each, as lines of a response."""
    events = [{"update": {"type": "assistant_message.content_part.text_delta", "delta": delta}} for delta in deltas]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def client(answers: list[str | int], asked: list[str | None]) -> ChatKitClient:
    """Return a client of a server that gives `answers` in turn and notes each request's `after`."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("after"))
        each = answers.pop(0)
        return (
            httpx.Response(each, json={"message": "unknown"})
            if isinstance(each, int)
            else httpx.Response(200, text=each)
        )

    return ChatKitClient("http://chat", "token", httpx.MockTransport(answer))


async def followed(answers: list[str | int], after: int | None = None) -> tuple[str, list[str | None]]:
    asked: list[str | None] = []
    async with client(answers, asked) as connection:
        text = [received.delta async for received in connection.follow("turn_1", after)]
    return "".join(text), asked


async def test_a_snapshot_is_followed_by_the_rest() -> None:
    snapshot = data("Hello ") + ": at 7\n: more 1\n"
    assert await followed([snapshot, data("my ", "friend") + ": more 1\n", data("!") + ": end\n"]) == (
        "Hello my friend!",
        [None, "7", "9"],
    )


async def test_a_turn_without_events_is_asked_again() -> None:
    assert await followed([": more 1\n", ": more 1\n", data("Hi") + ": end\n"], 0) == ("Hi", ["0", "0", "0"])


async def test_skipped_numbers_count() -> None:
    assert await followed([data("a") + ": at 5\n" + data("b") + ": more 1\n", ": end\n"], 2) == ("ab", ["2", "6"])


async def test_a_response_that_breaks_off_is_continued() -> None:
    assert await followed([data("a", "b"), data("c") + ": end\n"], 0) == ("abc", ["0", "2"])


@pytest.mark.parametrize(("answer", "raised"), [(": dead\n", DeadTurnError), (404, RefusedError)])
async def test_a_dead_or_unknown_turn_is_reported(answer: str | int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await followed([answer])
