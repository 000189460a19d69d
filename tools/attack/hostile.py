"""A hostile user: signed in, with a real token, and every trick of the penetration test.

    hostile = Hostile(url, token, victims)
    await hostile.attack(until)
    hostile.outcomes                # {"empty message": Counter({400: 812}), …}

It repeats all of its requests from several connections without reading what it does not need, and hangs up on slow
answers. Sources: the findings of November 2026, numbers 2 to 6 and 8.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tools.client.chatkit import Event, create_thread
from tools.soak.user import User

CONNECTIONS = 4
PAUSE_SECONDS = 1.5
"""The mean pause of each connection: all processes, AWS and the clients share the machine's cores here. Together they
still send more than the 120 requests a minute that are allowed."""
SLOW_SECONDS = 2.0
MAX_CHARS = 3_900_000


@dataclass
class Hostile:
    """One attacker. `leaks` are foreign threads that it could read."""

    url: str
    token: str
    victims: Sequence[User]
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict[str, Counter[str]](Counter[str]))
    leaks: list[str] = field(default_factory=list[str])

    async def attack(self, until: float) -> None:
        """Send every attack in random order until the event loop's clock reaches `until`."""
        limits = httpx.Limits(max_connections=CONNECTIONS * 2)
        headers = {"x-auth-token": self.token}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, limits=limits) as client:
            self._client = client
            await asyncio.gather(*(self._repeat(until) for _ in range(CONNECTIONS)))

    async def _repeat(self, until: float) -> None:
        clock = asyncio.get_running_loop()
        while clock.time() < until:
            attacks = list(ATTACKS.items())
            random.shuffle(attacks)
            for name, send in attacks:
                if clock.time() >= until:
                    return
                try:
                    outcome = str(await send(self))
                except httpx.HTTPError as error:
                    outcome = type(error).__name__
                self.outcomes[name][outcome] += 1
                await asyncio.sleep(random.expovariate(1 / PAUSE_SECONDS))

    async def post(self, request: Event | bytes, turn_id: str | None = None) -> int:
        """Send a request; hang up as soon as its status is known."""
        headers = {"x-turn-id": turn_id or uuid.uuid4().hex, "content-type": "application/json"}
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        async with self._client.stream("POST", "/chatkit", content=body, headers=headers) as response:
            return response.status_code

    async def slow_answers(self) -> str:
        """Open answers that take minutes, all at once, and hang up."""
        opened = [self._hang_up(create_thread("simulate slow 0.5")) for _ in range(4)]
        return " ".join(sorted({str(status) for status in await asyncio.gather(*opened)}))

    async def _hang_up(self, request: Event) -> int:
        headers = {"x-turn-id": uuid.uuid4().hex}
        async with self._client.stream("POST", "/chatkit", json=request, headers=headers) as response:
            if response.status_code == 200:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SLOW_SECONDS):
                        async for _ in response.aiter_bytes():
                            pass
            return response.status_code

    async def cancel_unknown(self) -> int:
        return (await self._client.post(f"/chatkit/turns/{uuid.uuid4().hex}/cancel")).status_code

    async def search(self) -> int:
        return (await self._client.get("/chatkit/search", params={"q": "the"})).status_code

    async def read_another_user(self) -> int:
        """Read, list, rename and delete the thread of an ordinary user."""
        threads = [each.thread_id for user in self.victims for each in user.conversations if each.thread_id]
        thread_id = random.choice(threads) if threads else "thr_unknown"
        request: Event = {"type": "threads.get_by_id", "params": {"thread_id": thread_id}}
        response = await self._client.post("/chatkit", json=request)
        if response.status_code == 200:
            self.leaks.append(thread_id)
        await self._client.post("/chatkit", json={"type": "threads.delete", "params": {"thread_id": thread_id}})
        return response.status_code


def mentions() -> Event:
    tags: list[Event] = [{"type": "input_tag", "id": "category:x", "text": f"{n:x}", "data": {}} for n in range(20_000)]
    request = create_thread("hi")
    request["params"]["input"]["content"] += tags
    return request


def long_name() -> Event:
    params = {"name": "a" + "\u0301" * 60_000 + "\u0323" * 60_000, "mime_type": "image/png", "size": 1}
    return {"type": "attachments.create", "params": params}


def sync_action() -> Event:
    action = {"type": "budget.edit", "payload": {"category": "groceries"}}
    return {"type": "threads.sync_custom_action", "params": {"thread_id": "thr_unknown", "action": action}}


def other(type_: str, **params: Any) -> Event:
    return {"type": type_, "params": params}


MENTIONS, LONG_NAME, LONG_TEXT = (
    json.dumps(request).encode() for request in (mentions(), long_name(), create_thread("x" * MAX_CHARS))
)
"""Written once: this process also carries the ordinary users' streams."""

ATTACKS: dict[str, Callable[[Hostile], Awaitable[object]]] = {
    "empty message": lambda it: it.post(create_thread(" ")),
    "message after message": lambda it: it.post(create_thread("hi")),
    "repeated turn id": lambda it: it.post(create_thread("hi"), "turn-repeated"),
    "file name of 120,000 combining marks": lambda it: it.post(LONG_NAME),
    "20,000 mentions": lambda it: it.post(MENTIONS),
    "message of 3.9 MB": lambda it: it.post(LONG_TEXT),
    "four slow answers at once, then hanging up": lambda it: it.slow_answers(),
    "stop of an unknown turn": lambda it: it.cancel_unknown(),
    "synchronous action": lambda it: it.post(sync_action()),
    "deletion": lambda it: it.post(other("threads.delete", thread_id="thr_unknown")),
    "list of 500 threads": lambda it: it.post(other("threads.list", limit=500)),
    "search": lambda it: it.search(),
    "thread of another user": lambda it: it.read_another_user(),
}
