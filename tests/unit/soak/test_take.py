"""The clients of `make soak` compare the answer after a reload with the text that they saw before."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx
import pytest

from tools.client.chatkit import ChatKitClient, Event, Part, Received
from tools.soak import take
from tools.soak.ledger import Answer, Conversation, End, Turn
from tools.soak.marks import question
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
