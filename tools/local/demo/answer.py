"""Requests of the demo, their streamed answers, and the checks on them.

answer = await ask(client, create_thread("How much did I spend on groceries?"))
answer.text, answer.item("widget")
expect(answer.text, "an answer")            # DemoError: expected an answer
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tools.client.chatkit import ChatKitClient, Event, Received


class DemoError(Exception):
    """A check of a step failed."""


def expect(condition: object, expected: str) -> None:
    """Raise DemoError with the text `expected` unless `condition` is true."""
    if not condition:
        raise DemoError(f"expected {expected}")


@dataclass
class Answer:
    """One streamed answer; times are epoch seconds."""

    sent_at: float
    received: list[Received] = field(default_factory=list[Received])

    @property
    def deltas(self) -> list[Received]:
        return [received for received in self.received if received.delta]

    @property
    def text(self) -> str:
        return "".join(received.delta for received in self.deltas)

    @property
    def types(self) -> list[str]:
        return [received.event["type"] for received in self.received]

    @property
    def thread_id(self) -> str:
        return next(r.event["thread"]["id"] for r in self.received if r.event["type"] == "thread.created")

    def item(self, kind: str) -> Event:
        """Return the complete item of a type. Raises DemoError unless there is exactly one."""
        done = [r.event["item"] for r in self.received if r.event["type"] == "thread.item.done"]
        found = [item for item in done if item["type"] == kind]
        expect(len(found) == 1, f"one {kind}, not {[item['type'] for item in done]}")
        return found[0]


async def ask(client: ChatKitClient, request: Event, turn_id: str | None = None) -> Answer:
    """Send a streaming request and wait for the whole answer."""
    answer = Answer(time.time())
    async for received in client.stream(request, turn_id):
        answer.received.append(received)
    return answer


async def ask_well(client: ChatKitClient, request: Event) -> Answer:
    """Like `ask`, but raise DemoError if the stream contains an error."""
    answer = await ask(client, request)
    expect("error" not in answer.types, f"no error event, not {answer.received[-1].event}")
    return answer


def milliseconds(seconds: float) -> float:
    """Convert a time to the unit and precision of the demo's figures."""
    return round(seconds * 1000, 1)
