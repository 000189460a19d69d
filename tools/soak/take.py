"""A client that reads the stream of one turn and records it in the ledger.

await Take(mark, conversation, turn, answer, Manner(stop_after=5), tally).run(client, request, turn_id, cancel)

As the page does, it goes on with the turn's events when the stream breaks off without its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

import httpx

from chat_api.server import OUT_OF_TIME
from tools.client.chatkit import ChatKitClient, Event, Part, Received, RefusedError
from tools.soak.ledger import Answer, Conversation, End, Life, Turn
from tools.soak.oracle import Violation, text_of
from tools.soak.posting import BROKEN
from tools.soak.tally import Tally

Cancel = Callable[[str], Awaitable[bool]]
SAFE_SECONDS = 2.5
"""The age at which a seen word must be in the journal for a later request: the interval, and a slow write."""
OFFLINE_SECONDS = 1.5
TRIES = 8
"""Requests for a turn's events that may fail in a row."""


@dataclass(frozen=True)
class Manner:
    """The way a client reads an answer; counts are in received words."""

    stop_after: int | None = None
    leave_after: int | None = None
    refresh_after: int | None = None
    """Leave the stream, and read the turn again from a snapshot, as a reloaded page does."""
    tunnel_after: int | None = None
    """Lose the connection, and go on behind the last event, as our fetch does."""
    second_tab_after: int | None = None
    """Read the turn a second time, from a snapshot."""
    seconds_per_event: float = 0.0
    receive_bytes: int | None = None
    at_once: int = 1
    """Number of simultaneous POSTs of the same turn."""
    silence_seconds: float | None = None
    """Give a stream up after so long without an event, and load the thread, which takes over a dead turn."""


PLAIN = Manner()


class Take:
    """The reading of one stream."""

    def __init__(
        self, mark: str, conversation: Conversation, turn: Turn, answer: Answer, manner: Manner, tally: Tally
    ) -> None:
        self._mark, self._conversation, self._turn, self._answer = mark, conversation, turn, answer
        self._manner, self._tally = manner, tally
        self._words, self._events = 0, 0
        self._seen_at: list[tuple[float, int]] = []
        self._is_snapshot = False
        self._is_broken = False
        self._reloaded_at: float | None = None
        self._stopping: asyncio.Task[bool] | None = None
        self._second_tab: asyncio.Task[None] | None = None
        self._stopped_at = 0.0

    async def run(self, client: ChatKitClient, request: Event, turn_id: str, cancel: Cancel) -> None:
        """Read the turn to its end, or as far as the manner says. Raises RefusedError if the turn is refused."""
        try:
            await self._read(client, request, turn_id, cancel)
        except BROKEN as error:
            if not self._answer.confirmed:
                raise  # before the response, so the outcome is unknown
            self._is_broken = True
            if isinstance(error, httpx.TimeoutException):
                self._complain("silent", self._answer.item_id, "nothing came for a minute, no keep-alive either")
        except TimeoutError as error:
            if not self._answer.confirmed:
                raise httpx.ReadTimeout("silent before the response") from error
            self._is_broken = True
            await self._take_over(client)
        if self._words == self._manner.tunnel_after:
            await asyncio.sleep(OFFLINE_SECONDS)
        if self._answer.end is End.RUNNING and self._answer.final is None and self._stopping is None:
            if self._words == self._manner.refresh_after:
                await self._reload(client, turn_id)
            else:
                await self.resume(client, turn_id, from_snapshot=False)
        ended_at = time.monotonic()
        stopped = await self._stopping if self._stopping else False
        if self._second_tab:
            await self._second_tab
        self._conclude(stopped, ended_at)

    async def _read(self, client: ChatKitClient, request: Event, turn_id: str, cancel: Cancel) -> None:
        """Read the turn's own stream."""
        manner, began = self._manner, time.monotonic()
        async with aclosing(client.stream(request, turn_id)) as events:
            async for received in _within(events, manner.silence_seconds):
                self._take(received, began)
                if self._words == manner.leave_after:
                    self._answer.end = End.LEFT
                    return
                if self._words and self._words in (manner.refresh_after, manner.tunnel_after):
                    return
                if self._words == manner.stop_after and self._stopping is None:
                    self._stopping = asyncio.create_task(self._stop(cancel, turn_id))
                if self._words == manner.second_tab_after and self._second_tab is None:
                    self._second_tab = asyncio.create_task(self._read_again(client, turn_id))
                if manner.seconds_per_event:
                    await asyncio.sleep(manner.seconds_per_event)

    async def _read_again(self, client: ChatKitClient, turn_id: str) -> None:
        """Read the turn in a second tab; the oracle compares both."""
        second = Take(self._mark, self._conversation, self._turn, Answer(), PLAIN, self._tally)
        await second.resume(client, turn_id, from_snapshot=True)
        self._answer.also_seen.append(second._answer.seen)

    async def _take_over(self, client: ChatKitClient) -> None:
        """Load the thread, and hold the server to the text that it stores of a dead turn, from then on."""
        answer, thread_id = self._answer, self._conversation.thread_id
        assert thread_id, "a confirmed answer has a thread"
        last = self._seen_at[-1][0] if self._seen_at else 0.0
        safe = self._seen_before(last - SAFE_SECONDS)
        try:
            opened = await client.thread(thread_id)
        except (RefusedError, *BROKEN):
            self._cut()
            return
        if not opened.interrupted:
            return  # it has ended or woken up meanwhile
        items = [item for item in opened.thread["items"]["data"] if item["id"] == answer.item_id]
        text = text_of(items[0]) if items else ""
        if not text.startswith(safe):
            self._complain("lost", answer.item_id, f"the taken text {text[-60:]!r} lacks words of {safe[-60:]!r}")
        answer.seen, answer.end = text, End.TAKEN

    async def _reload(self, client: ChatKitClient, turn_id: str) -> None:
        """Load the thread, as a reloaded page does, and read the turn that runs in it, if it still does."""
        self._reloaded_at = time.monotonic()
        assert self._conversation.thread_id
        with suppress(RefusedError, *BROKEN):
            if (await client.thread(self._conversation.thread_id)).running is None:
                self._reloaded_at = None
        await self.resume(client, turn_id, from_snapshot=True)

    async def resume(self, client: ChatKitClient, turn_id: str, *, from_snapshot: bool) -> None:
        """Go on with the turn's events until its end, or the death of its process."""
        after = None if from_snapshot else self._events
        self._is_snapshot = from_snapshot
        failures = 0
        while failures < TRIES:
            asked_at = time.monotonic()
            try:
                part = await client.turn_events(turn_id, after)
            except RefusedError as refusal:
                if refusal.status in (400, 401, 403, 404):
                    self._complain("lost", self._answer.item_id, f"turn {turn_id} cannot be followed: {refusal}")
                    break
                part = None
            except BROKEN:
                part = None
            if part is None:
                failures += 1
                await asyncio.sleep(1)
                continue
            failures, after = 0, part.next
            if not await self._go_on(part, asked_at):
                return
        self._cut()

    async def _go_on(self, part: Part, asked_at: float) -> bool:
        """Take the events of the response to a request of that time; return whether more follow."""
        answer, again = self._answer, self._is_snapshot
        before = self._seen_before(asked_at - SAFE_SECONDS) if again else ""
        for received in part.events:
            self._take(received, None)
        if part.state != "dead" and before and (self._is_snapshot or not answer.seen.startswith(before)):
            shown = "nothing" if self._is_snapshot else f"{answer.seen[-60:]!r}"
            self._complain("lost", answer.item_id, f"the snapshot shows {shown} of {before[-60:]!r}")
        if part.state == "dead":
            self._cut()
        if part.state == "more":
            await asyncio.sleep(part.wait_seconds)
        return part.state == "more"

    def _cut(self) -> None:
        last = self._seen_at[-1][0] if self._seen_at else 0.0
        self._answer.end, self._answer.safe = End.CUT, self._seen_before(last - SAFE_SECONDS)

    def _seen_before(self, at: float) -> str:
        """Return the text that was seen at that time (`time.monotonic`)."""
        lengths = [length for seen_at, length in self._seen_at if seen_at <= at]
        return self._answer.seen[: lengths[-1]] if lengths else ""

    async def _stop(self, cancel: Cancel, turn_id: str) -> bool:
        stopped = await cancel(turn_id)
        self._stopped_at = time.monotonic()
        return stopped

    def _conclude(self, stopped: bool, ended_at: float) -> None:
        answer = self._answer
        if answer.final is not None:
            answer.end = End.ANSWERED
        elif answer.end is End.RUNNING and stopped and self._is_broken:
            self._cut()  # its process may have died before it stopped
        elif answer.end is End.RUNNING and stopped:
            answer.end = End.STOPPED
            self._tally.stops.append(max(0.0, ended_at - self._stopped_at))
        elif answer.end is End.RUNNING:
            answer.end = End.FAILED
            self._complain("lost", None, f"the stream of turn {self._turn.number} ended without a reason")

    def _take(self, received: Received, began: float | None) -> None:
        event, answer = received.event, self._answer
        answer.confirmed = True
        self._events += 1
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
                self._shown_again(item)
            case "thread.item.done", "assistant_message":
                self._shown_again(item)
                self._finished(item)
            case "error", _:
                answer.end = End.DEADLINE if event.get("message") == OUT_OF_TIME else End.FAILED
            case "thread.item.updated", _ if received.delta:
                self._add_delta(event["item_id"], received.delta, began)
            case _:
                pass

    def _shown_again(self, item: Event) -> None:
        """Begin again with a snapshot's item, or with the first event, if the snapshot preceded all segments."""
        if not self._is_snapshot:
            return
        answer, text, now = self._answer, text_of(item), time.monotonic()
        self._is_snapshot = False
        answer.item_id = item["id"]
        answer.seen, self._seen_at = text, [(now, len(text))]
        if text and self._reloaded_at is not None:
            self._tally.reloads.append(now - self._reloaded_at)
            self._reloaded_at = None

    def _add_delta(self, item_id: str, delta: str, began: float | None) -> None:
        answer = self._answer
        if not answer.seen and began is not None:
            self._tally.first_words.append((began, time.monotonic() - began))
        if item_id != answer.item_id:
            self._complain("foreign", item_id, f"adds to {answer.item_id}")
        answer.seen += delta
        if self._reloaded_at is not None:
            self._tally.reloads.append(time.monotonic() - self._reloaded_at)
            self._reloaded_at = None
        self._seen_at.append((time.monotonic(), len(answer.seen)))
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


async def _within(events: AsyncGenerator[Received], seconds: float | None) -> AsyncGenerator[Received]:
    """Yield events until one takes longer than `seconds` (None: as long as it takes). Raises TimeoutError."""
    while True:
        async with asyncio.timeout(seconds):
            received = await anext(events, None)
        if received is None:
            return
        yield received
