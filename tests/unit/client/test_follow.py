"""`ChatKitClient.follow` reads a running turn in finite responses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

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


async def in_bytes(text: str) -> AsyncIterator[bytes]:
    """Yield each byte of a response separately."""
    for byte in text.encode():
        yield bytes([byte])


async def answered(posted: str | int | httpx.TransportError, answers: list[str | int]) -> tuple[str, list[str]]:
    """Return the text of an answer whose POST gives `posted`, and the paths of the requests."""
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(f"{request.method} {request.url.query.decode()}".strip())
        each = posted if request.method == "POST" else answers.pop(0)
        if isinstance(each, httpx.TransportError):
            raise each
        if isinstance(each, int):
            return httpx.Response(each, json={"message": "unknown"})
        return httpx.Response(200, content=in_bytes(each), headers={"content-type": "text/event-stream"})

    async with ChatKitClient("http://chat", "token", httpx.MockTransport(answer)) as connection:
        text = [received.delta async for received in connection.answer({"type": "threads.create"}, "turn_1")]
    return "".join(text), paths


@pytest.mark.promise("R2")
@pytest.mark.feature("running-answers")
@pytest.mark.parametrize("cut", range(len(data("Hello ", "wörld")) + 1))
async def test_an_answer_goes_on_wherever_its_response_was_cut(cut: int) -> None:
    whole = data("Hello ", "wörld")
    seen = whole[:cut].count("}}\n")
    rest = data(*["Hello ", "wörld"][seen:])

    assert await answered(whole[:cut], [500, f"{rest}: end\n"]) == (
        "Hello wörld",
        ["POST", f"GET after={seen}", f"GET after={seen}"],
    )


async def test_an_answer_that_ended_is_not_asked_for_again() -> None:
    assert await answered(data("Hi") + ": end\n", []) == ("Hi", ["POST"])


async def test_an_answer_of_a_server_without_running_turns_ends_with_its_response() -> None:
    assert await answered(data("Hi"), [404]) == ("Hi", ["POST", "GET after=1"])


@pytest.mark.promise("R2")
async def test_a_request_without_response_is_followed_or_fails_as_before() -> None:
    assert await answered(httpx.ReadError("lost"), [data("Hi") + ": end\n"]) == ("Hi", ["POST", "GET after=0"])
    with pytest.raises(httpx.ReadError):
        await answered(httpx.ReadError("lost"), [404])


@pytest.mark.promise("R1")
async def test_a_client_tool_of_an_expired_turn_does_not_run() -> None:
    async with client([200, 409, 404], []) as connection:
        assert await connection.win("turn_1", "call_1")
        assert not await connection.win("turn_1", "call_1")
        with pytest.raises(RefusedError):
            await connection.win("turn_1", "call_1")
