"""What the demo asks and what it is answered.

answer = await ask(client, create_thread("How much did I spend on groceries?"))
answer.text, answer.item("widget")
expect(answer.text, "an answer")            # DemoError: expected an answer
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tools.client.chatkit import ChatKitClient, Event, Received


class DemoError(Exception):
    """A step did not see what it should."""


def expect(condition: object, what: str) -> None:
    """Raise DemoError saying `what` was expected, unless `condition` holds."""
    if not condition:
        raise DemoError(f"expected {what}")


@dataclass
class Answer:
    """One streamed answer and its times."""

    asked_at: float
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
        """Return the complete item of a type. Raises DemoError when there is not exactly one."""
        done = [r.event["item"] for r in self.received if r.event["type"] == "thread.item.done"]
        found = [item for item in done if item["type"] == kind]
        expect(len(found) == 1, f"one {kind}, not {[item['type'] for item in done]}")
        return found[0]


async def ask(client: ChatKitClient, request: Event, turn_id: str | None = None) -> Answer:
    """Send a request that is answered by a stream, and wait for all of it."""
    answer = Answer(time.time())
    async for received in client.stream(request, turn_id):
        answer.received.append(received)
    return answer


async def ask_well(client: ChatKitClient, request: Event) -> Answer:
    """Do the same, and expect that nothing fails. Raises DemoError."""
    answer = await ask(client, request)
    expect("error" not in answer.types, f"no error event, not {answer.received[-1].event}")
    return answer


def milliseconds(seconds: float) -> float:
    """Return a time as the demo's figures have it."""
    return round(seconds * 1000, 1)
