"""A client that reads the stream of one turn and records it in the ledger.

await Take(mark, conversation, turn, answer, Manner(stop_after=5), tally).run(client, request, turn_id, cancel)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import httpx

from chat_api.server import OUT_OF_TIME
from tools.client.chatkit import ChatKitClient, Event, Received
from tools.soak.ledger import Answer, Conversation, End, Life, Turn
from tools.soak.oracle import Violation, text_of
from tools.soak.posting import BROKEN
from tools.soak.tally import Tally

Cancel = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True)
class Manner:
    """The way a client reads an answer; counts are in received words."""

    stop_after: int | None = None
    leave_after: int | None = None
    seconds_per_event: float = 0.0
    receive_bytes: int | None = None
    at_once: int = 1
    """Number of simultaneous POSTs of the same turn."""


PLAIN = Manner()


class Take:
    """The reading of one stream."""

    def __init__(
        self, mark: str, conversation: Conversation, turn: Turn, answer: Answer, manner: Manner, tally: Tally
    ) -> None:
        self._mark, self._conversation, self._turn, self._answer = mark, conversation, turn, answer
        self._manner, self._tally = manner, tally
        self._words = 0
        self._stopping: asyncio.Task[bool] | None = None
        self._stopped_at = 0.0

    async def run(self, client: ChatKitClient, request: Event, turn_id: str, cancel: Cancel) -> None:
        """Read the stream to its end, or as far as the manner says. Raises RefusedError when there is no stream."""
        began = time.monotonic()
        try:
            async with aclosing(client.stream(request, turn_id)) as events:
                async for received in events:
                    self._take(received, began)
                    if self._words == self._manner.leave_after:
                        self._answer.end = End.LEFT
                        break
                    if self._words == self._manner.stop_after and self._stopping is None:
                        self._stopping = asyncio.create_task(self._stop(cancel, turn_id))
                    if self._manner.seconds_per_event:
                        await asyncio.sleep(self._manner.seconds_per_event)
            ended_at = time.monotonic()
        except BROKEN as error:
            if not self._answer.confirmed:
                raise  # before the response, so the outcome is unknown
            if isinstance(error, httpx.TimeoutException):
                self._complain("silent", self._answer.item_id, "nothing came for a minute, no keep-alive either")
            ended_at, self._answer.end = time.monotonic(), End.CUT
        stopped = await self._stopping if self._stopping else False
        self._conclude(stopped, ended_at)

    async def _stop(self, cancel: Cancel, turn_id: str) -> bool:
        stopped = await cancel(turn_id)
        self._stopped_at = time.monotonic()
        return stopped

    def _conclude(self, stopped: bool, ended_at: float) -> None:
        answer = self._answer
        if answer.final is not None:
            answer.end = End.ANSWERED
        elif answer.end is End.RUNNING and stopped:
            answer.end = End.STOPPED
            self._tally.stops.append(max(0.0, ended_at - self._stopped_at))
        elif answer.end is End.RUNNING:
            answer.end = End.FAILED
            self._complain("lost", None, f"the stream of turn {self._turn.number} ended without a reason")

    def _take(self, received: Received, began: float) -> None:
        event, answer = received.event, self._answer
        answer.confirmed = True
        item: Event = event.get("item", {})
        if item and item.get("thread_id") != self._conversation.thread_id:
            self._complain("foreign", item.get("id"), f"belongs to thread {item.get('thread_id')}")
        match event["type"], item.get("type"):
            case "thread.created", _:
                self._conversation.thread_id = event["thread"]["id"]
                self._conversation.life = Life.THERE
            case "thread.item.done", "user_message":
                self._turn.question_id = item["id"]
            case "thread.item.added", "assistant_message":
                answer.item_id = item["id"]
            case "thread.item.done", "assistant_message":
                self._finished(item)
            case "error", _:
                answer.end = End.DEADLINE if event.get("message") == OUT_OF_TIME else End.FAILED
            case "thread.item.updated", _ if received.delta:
                self._add_delta(event["item_id"], received.delta, began)
            case _:
                pass

    def _add_delta(self, item_id: str, delta: str, began: float) -> None:
        answer = self._answer
        if not answer.seen:
            self._tally.first_words.append((began, time.monotonic() - began))
        if item_id != answer.item_id:
            self._complain("foreign", item_id, f"adds to {answer.item_id}")
        answer.seen += delta
        self._words += 1

    def _finished(self, item: Event) -> None:
        answer, text = self._answer, text_of(item)
        if answer.final is not None:
            self._complain("doubled", item["id"], "was finished twice")
        if item["id"] != answer.item_id or text != answer.seen:
            self._complain("changed", item["id"], f"{text[-60:]!r} was streamed as {answer.seen[-60:]!r}")
        answer.item_id, answer.final = item["id"], text

    def _complain(self, kind: str, item_id: str | None, detail: str) -> None:
        self._tally.violations.append(Violation(kind, self._mark, self._conversation.thread_id, item_id, detail))
