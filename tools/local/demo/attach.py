"""Steps of the demo for running turns: a reader that is cut off, another one that attaches, and a killed process.

    dead = DeadTurn(stack, client)
    await dead.kill()                       # early, because the process counts as dead after 20 s
    await attach(stack, client, figures)
    await dead.look()

They need the local model, which answers slowly on demand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import aclosing, suppress

import httpx

from tools.client.chatkit import ChatKitClient, Event, create_thread, get_thread, new_turn_id
from tools.local.demo.answer import Answer, expect, milliseconds
from tools.local.stack import Stack

SLOW = "simulate slow 0.2"
"""An answer of two dozen words, five a second."""
WORDS_BEFORE_CUT, WORDS_BEFORE_DEATH = 8, 15
INTERVAL_SECONDS = 1.0
"""The template's JOURNAL_SECONDS: what an attaching reader may lag behind, and what a killed process may lose."""
NOTE = "The answer was interrupted here."
DEAD_SECONDS = 60


async def attach(stack: Stack, client: ChatKitClient, figures: dict[str, float | int | bool | None]) -> str:
    """Start an answer, cut its reader off, and read it in another process: at once so far, then to its end."""
    await stack.function.start_processes(2)  # one is busy with the answer; the other's start is another step's
    turn_id, cut = new_turn_id(), Answer(time.time())
    await _read(client, turn_id, cut, WORDS_BEFORE_CUT)
    text, started, first_at = dict[str, str](), time.time(), 0.0
    async for received in client.follow(turn_id):
        _apply(text, received.event)
        first_at = first_at or (received.at if any(text.values()) else 0.0)
    thread = await client.call(get_thread(cut.thread_id))
    stored = _texts(thread)
    shown = {item_id: words for item_id, words in text.items() if item_id in stored}
    expect(
        shown and all(stored[each] == words for each, words in shown.items()), f"{stored} on the screen, not {shown}"
    )
    expect(any(words.startswith(cut.text) for words in shown.values()), f"{cut.text!r} at the start of {shown}")
    figures["attach_ms"] = milliseconds(first_at - started)
    return f"the text so far after {figures['attach_ms']:.0f} ms, then the rest, as it is stored"


class DeadTurn:
    """An answer whose process is killed."""

    def __init__(self, stack: Stack, client: ChatKitClient) -> None:
        self._stack, self._client = stack, client
        self._answer, self._killed_at = Answer(time.time()), 0.0

    async def kill(self) -> str:
        await self._stack.idle()
        await _read(self._client, new_turn_id(), self._answer, WORDS_BEFORE_DEATH, self._kill_busy)
        return f"{len(self._answer.deltas)} words on the screen"

    def _kill_busy(self) -> None:
        """Kill the process of the answer, as when Lambda loses a machine."""
        idle = self._stack.function.idle_processes
        for process in self._stack.function.processes:
            if process.running and process not in idle:
                os.kill(process.pid, signal.SIGKILL)
        self._killed_at = time.time()

    async def look(self) -> str:
        """Read the conversation until the answer so far is in it, with the note that it was interrupted."""
        answers = list[str]()
        with suppress(TimeoutError):
            async with asyncio.timeout(DEAD_SECONDS):
                while not answers:
                    thread = await self._client.call(get_thread(self._answer.thread_id))
                    if not (answers := [words for words in _texts(thread).values() if NOTE in words]):
                        await asyncio.sleep(1)
        expect(answers, "the answer so far in the history")
        safe = "".join(each.delta for each in self._answer.deltas if each.at < self._killed_at - 2 * INTERVAL_SECONDS)
        words = answers[0].partition("\n")[0]
        expect(words and words.startswith(safe), f"{safe!r} at the start of {words!r}")
        return f"{len(words.split())} of {len(self._answer.deltas)} words stored, marked as interrupted"


async def _read(
    client: ChatKitClient, turn_id: str, answer: Answer, words: int, then: Callable[[], None] = lambda: None
) -> None:
    """Read the first words of an answer, call `then`, and leave."""
    with suppress(httpx.HTTPError):  # the connection of a killed process breaks
        async with aclosing(client.stream(create_thread(SLOW), turn_id)) as events:
            async for received in events:
                answer.received.append(received)
                if len(answer.deltas) == words:
                    then()
                    return


def _apply(text: dict[str, str], event: Event) -> None:
    """Show one event of an answer: the text of each message by its id."""
    item = event.get("item", {})
    if item.get("type") == "assistant_message" and event["type"] != "thread.item.replaced":
        text[item["id"]] = _words(item)
    elif event["type"] == "thread.item.updated" and "delta" in event["update"]:
        text[event["item_id"]] = text.get(event["item_id"], "") + str(event["update"]["delta"])


def _texts(thread: Event) -> dict[str, str]:
    return {item["id"]: _words(item) for item in thread["items"]["data"] if item["type"] == "assistant_message"}


def _words(item: Event) -> str:
    return "".join(part["text"] for part in item["content"])
