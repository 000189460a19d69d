"""The clients of `make soak` compare the answer after a reload with the text that they saw before."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx
import pytest

from tools.client.chatkit import ChatKitClient, Event, Opened, Part, Received
from tools.soak import take
from tools.soak.ledger import Answer, Conversation, End, Life, Turn
from tools.soak.marks import question
from tools.soak.oracle import Violation, judge
from tools.soak.take import PLAIN, SAFE_SECONDS, Manner, Take
from tools.soak.tally import Tally

MARK = "u001x0000aaaa"
TURN = Turn(1, question(MARK, 1, 5))
FIRST, *REST = re.findall(r"\S+\s*", TURN.full)


def item(kind: str, text: str) -> Event:
    content = [{"type": "output_text", "text": text}]
    return {
        "type": f"thread.item.{kind}",
        "item": {"id": "a1", "thread_id": "thr_1", "type": "assistant_message", "content": content},
    }


def word(text: str) -> Event:
    update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
    return {"type": "thread.item.updated", "item_id": "a1", "update": update}


def part(*events: Event, state: str = "more") -> Part:
    return Part([Received(event, 0.0) for event in events], len(events), state)


class Parts:
    """A client for which a turn has these parts."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)

    async def turn_events(self, turn_id: str, after: int | None) -> Part:
        return self._parts.pop(0)


class BrokenStream:
    """A client whose stream breaks off after the first word."""

    async def stream(self, request: Event, turn_id: str) -> AsyncGenerator[Received]:
        for event in (item("added", ""), word(FIRST)):
            yield Received(event, 0.0)
        raise httpx.RemoteProtocolError("cut")


async def reload(*parts: Part, monkeypatch: pytest.MonkeyPatch) -> tuple[Answer, list[str]]:
    """Read the first word, then reload after the time in which it must be in the journal."""
    answer, tally = Answer(), Tally("phase")
    reader = Take(MARK, Conversation("thr_1"), TURN, answer, PLAIN, tally)
    for event in (item("added", ""), word(FIRST)):
        reader._take(Received(event, 0.0), None)
    now = time.monotonic() + SAFE_SECONDS + 1
    monkeypatch.setattr(take.time, "monotonic", lambda: now)
    await reader.resume(cast("ChatKitClient", cast("Any", Parts(*parts))), "turn_1", from_snapshot=True)
    return answer, [each.kind for each in tally.violations]


async def test_a_response_that_takes_long_owes_no_words_from_after_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server read the journal at some time after the request, and no earlier."""
    answer, tally, now = Answer(), Tally("phase"), [100.0]
    monkeypatch.setattr(take.time, "monotonic", lambda: now[0])
    reader = Take(MARK, Conversation("thr_1"), TURN, answer, PLAIN, tally)
    for event in (item("added", ""), word(FIRST)):
        reader._take(Received(event, 0.0), None)

    class Slow(Parts):
        async def turn_events(self, turn_id: str, after: int | None) -> Part:
            now[0] += SAFE_SECONDS - 1 if after is None else 1
            return await super().turn_events(turn_id, after)

    now[0] += 1.5  # the word is not safe yet; when the response has come, it would be
    parts = Slow(part(item("added", "")), part(*map(word, [FIRST, *REST])), part(item("done", TURN.full), state="end"))
    await reader.resume(cast("ChatKitClient", cast("Any", parts)), "turn_1", from_snapshot=True)

    assert (answer.final, tally.violations) == (TURN.full, [])


async def test_a_snapshot_goes_on_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = part(item("added", FIRST)), part(*map(word, REST)), part(item("done", TURN.full), state="end")
    answer, found = await reload(*parts, monkeypatch=monkeypatch)

    assert (answer.seen, answer.final, found) == (TURN.full, TURN.full, [])


async def test_a_snapshot_without_an_old_word_has_lost_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for first in (part(item("added", "")), part()):
        _, found = await reload(first, part(state="end"), monkeypatch=monkeypatch)
        assert "lost" in found


async def test_an_answer_that_begins_again_after_an_early_snapshot_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, found = await reload(part(item("added", ""), word(FIRST)), part(state="end"), monkeypatch=monkeypatch)

    assert (answer.seen, found) == (FIRST, [])


async def test_a_stop_whose_stream_breaks_off_is_not_an_exact_stop() -> None:
    answer, tally = Answer(), Tally("phase")
    reader = Take(MARK, Conversation("thr_1"), TURN, answer, Manner(stop_after=1), tally)

    async def cancelled(turn_id: str) -> bool:
        return True

    await reader.run(cast("ChatKitClient", cast("Any", BrokenStream())), {}, "turn_1", cancelled)

    assert (answer.end, tally.violations) == (End.CUT, [])


class SilentStream(BrokenStream):
    """A client whose stream falls silent after the first word; then its thread has a text, and maybe a mark."""

    def __init__(self, stored: str, *, interrupted: bool) -> None:
        self._thread = {"items": {"data": [item("done", stored)["item"]]}}
        self._interrupted = interrupted

    async def stream(self, request: Event, turn_id: str) -> AsyncGenerator[Received]:
        for event in (item("added", ""), word(FIRST)):
            yield Received(event, 0.0)
        await asyncio.sleep(60)

    async def thread(self, thread_id: str) -> Opened:
        return Opened(self._thread, None, self._interrupted)

    async def turn_events(self, turn_id: str, after: int | None) -> Part:
        return part(*map(word, REST), item("done", TURN.full), state="end")


async def read_silent(stored: str, *, interrupted: bool) -> tuple[Answer, list[Violation]]:
    answer, tally = Answer(), Tally("phase")
    reader = Take(MARK, Conversation("thr_1"), TURN, answer, Manner(silence_seconds=0.05), tally)
    client = cast("ChatKitClient", cast("Any", SilentStream(stored, interrupted=interrupted)))
    await reader.run(client, {}, "turn_1", lambda _: asyncio.sleep(0, True))
    return answer, tally.violations


async def test_a_silent_turn_is_taken_over_and_may_not_change_any_more() -> None:
    answer, found = await read_silent(FIRST, interrupted=True)
    assert (answer.end, answer.seen, found) == (End.TAKEN, FIRST, [])

    conversation = Conversation("thr_1", Life.THERE, [Turn(1, TURN.question, question_id="q1", answers=[answer])])
    question_item = {"id": "q1", "type": "user_message", "content": [{"text": TURN.question}], "attachments": []}
    for stored, kinds in ((FIRST, []), (TURN.full, ["changed"])):
        items = [question_item, item("done", stored)["item"]]
        assert [each.kind for each in judge(MARK, conversation, items)] == kinds


async def test_a_silent_turn_that_has_woken_up_goes_on() -> None:
    answer, found = await read_silent("", interrupted=False)

    assert (answer.end, answer.final, found) == (End.ANSWERED, TURN.full, [])
