"""A simulated user: acts at its own pace, records everything in its ledger, and asks the oracle to compare.

    async with User(17, url, token) as user:
        await user.live(habits, tally, until=…)
        await user.check_everything(tally)

A user performs one action at a time.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

from tools.client.chatkit import ChatKitClient, Event, add_message, create_thread, get_thread, new_turn_id
from tools.local.files import PDF, PNG
from tools.soak.habits import Habits
from tools.soak.ledger import Answer, Conversation, End, Life, Turn
from tools.soak.marks import new_mark, question
from tools.soak.oracle import Item, Violation, judge, judge_list, kept
from tools.soak.posting import GivenUpError, posted
from tools.soak.take import PLAIN, Manner, Take
from tools.soak.tally import Tally
from tools.soak.wire import watched_client

PAGE = 50
REST_SECONDS = 15
"""Pause before a user returns to a thread that it left during an answer."""
LONG_WORDS = 150
THREADS_EACH = 4


@dataclass(frozen=True)
class SkewedToken:
    """A token with another issue time, and whether the API must accept it."""

    name: str
    token: str
    accepted: bool


@dataclass
class User:
    """One signed-in user and its ledger."""

    number: int
    url: str
    token: str
    conversations: list[Conversation] = field(default_factory=list[Conversation])
    skewed_tokens: list[SkewedToken] = field(default_factory=list["SkewedToken"])

    def __post_init__(self) -> None:
        self.mark = new_mark(self.number)
        self._turns = 0
        self._tally = Tally("start")
        self._client = self.client()
        self._fresh: list[tuple[Conversation, Turn]] = []

    def client(self, token: str | None = None, receive_bytes: int | None = None) -> ChatKitClient:
        """Return a new connection of this user; the caller closes it."""
        return watched_client(self.url, token or self.token, self.mark, self._on_strangers, receive_bytes)

    def renew(self, token: str) -> None:
        """Use a later token, before the present one expires."""
        self.token = token
        self._client.renew(token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, tb: TracebackType | None) -> None:
        await self._client.__aexit__(None, None, None)

    async def live(self, habits: Habits, tally: Tally, until: float) -> None:
        """Perform actions until the event loop's clock reaches `until`."""
        self._tally, self._habits = tally, habits
        clock = asyncio.get_running_loop()
        while (left := until - clock.time()) > 0:
            pause = random.expovariate(1 / habits.think_seconds)
            await asyncio.sleep(min(pause, left))
            if pause < left:
                await self._act()

    async def act(self, action: str, habits: Habits, tally: Tally) -> None:
        """Perform one of the actions of `EVERYDAY` now."""
        self._tally, self._habits = tally, habits
        self._tally.actions[action] += 1
        await getattr(self, f"_{action}")()

    async def _act(self) -> None:
        actions, weights = zip(*self._habits.weights.items(), strict=True)
        await self.act(random.choices(actions, weights)[0], self._habits, self._tally)

    # --- turns --------------------------------------------------------------------------------------------------------

    async def _new(self, manner: Manner | None = None, files: tuple[str, ...] = (), words: int | None = None) -> None:
        if len(self._open()) >= THREADS_EACH:
            await self._delete()
        conversation = Conversation()
        self.conversations.append(conversation)
        await self._ask(conversation, manner, files, words)

    async def _follow(self, manner: Manner | None = None, words: int | None = None) -> None:
        if (conversation := self._some()) is None:
            await self._new(manner, words=words)
        else:
            await self._ask(conversation, manner, (), words)

    async def _stop(self) -> None:
        await self._follow(Manner(stop_after=random.randint(1, 25)), LONG_WORDS)

    async def _leave(self) -> None:
        await self._follow(Manner(leave_after=random.randint(1, 25)), 40)

    async def _refresh(self) -> None:
        await self._follow(Manner(refresh_after=random.randint(1, 25)), random.choice((40, LONG_WORDS)))

    async def _tunnel(self) -> None:
        await self._follow(Manner(tunnel_after=random.randint(1, 25)), random.choice((40, LONG_WORDS)))

    async def _second_tab(self) -> None:
        await self._follow(Manner(second_tab_after=random.randint(1, 25)), random.choice((40, LONG_WORDS)))

    async def _file(self) -> None:
        name, kind, content = random.choice((("a.png", "image/png", PNG), ("a.pdf", "application/pdf", PDF)))
        params = {"name": f"{self.mark}-{name}", "mime_type": kind, "size": len(content)}
        registered = await self._call({"type": "attachments.create", "params": params})
        if registered is None:
            return
        status = await self._client.put(registered, content)
        if status == 200:
            await self._new(files=(registered["id"],))
        else:
            self._tally.refusals[f"PUT {status}"] += 1

    async def _retry(self) -> None:
        conversation = self._some()
        if conversation is None or not conversation.turns or conversation.turns[-1].question_id is None:
            return
        turn = conversation.turns[-1]
        params = {"thread_id": conversation.thread_id, "item_id": turn.question_id}
        await self._take(conversation, turn, {"type": "threads.retry_after_item", "params": params}, PLAIN)

    async def _ask(
        self, conversation: Conversation, manner: Manner | None, files: tuple[str, ...], words: int | None
    ) -> None:
        self._turns += 1
        text = question(self.mark, self._turns, words or random.randint(*self._habits.words))
        turn = conversation.ask(self._turns, text, files)
        thread_id = conversation.thread_id
        request = add_message(thread_id, text, files) if thread_id else create_thread(text, files)
        await self._take(conversation, turn, request, manner or self._habits.manner)

    async def _take(self, conversation: Conversation, turn: Turn, request: Event, manner: Manner) -> None:
        """Send a turn, possibly several times at once, and read its answer."""
        turn_id = new_turn_id()
        sent = [asyncio.create_task(self._take_one(conversation, turn, request, turn_id, manner))]
        sent += [
            asyncio.create_task(self._take_one(conversation, turn, request, turn_id, PLAIN))
            for _ in range(manner.at_once - 1)
        ]
        answers = await asyncio.gather(*sent)
        streamed = [each for each in answers if each.confirmed]
        for extra in streamed[1:]:
            self._complain("doubled", conversation, extra.item_id, f"turn {turn.number} ran twice")
        answer = next(iter(streamed), answers[0])
        turn.answers.append(answer)
        self._fresh.append((conversation, turn))
        self._tally.ended(answer.end)
        if answer.end in (End.LEFT, End.CUT, End.LOST, End.REPEATED):
            conversation.rests_until = asyncio.get_running_loop().time() + REST_SECONDS

    async def _take_one(
        self, conversation: Conversation, turn: Turn, request: Event, turn_id: str, manner: Manner
    ) -> Answer:
        answer = Answer(undisturbed=self._habits.undisturbed)
        take = Take(self.mark, conversation, turn, answer, manner, self._tally)
        client = self._client if manner.receive_bytes is None else self.client(receive_bytes=manner.receive_bytes)
        try:
            await posted(lambda: take.run(client, request, turn_id, self._cancel), self._tally)
        except GivenUpError as given_up:
            answer.end = given_up.end
            if conversation.thread_id is None and given_up.thread_id:
                conversation.thread_id = given_up.thread_id
        finally:
            if client is not self._client:
                await client.__aexit__(None, None, None)
        return answer

    async def _cancel(self, turn_id: str) -> bool:
        try:
            await posted(lambda: self._client.cancel(turn_id), self._tally)
        except GivenUpError:
            self._tally.refusals["cancel failed"] += 1
            return False
        return True

    # --- threads ------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        if (conversation := self._some()) is not None:
            await self.check(conversation)

    async def _list(self) -> None:
        listed: list[Item] = []
        while True:
            after = {"after": listed[-1]["id"]} if listed else {}
            request = {"type": "threads.list", "params": {"limit": PAGE, "order": "desc", **after}}
            if (page := await self._call(request)) is None:
                return
            listed += page["data"]
            if not page["has_more"]:
                break
        self._tally.violations += judge_list(self.mark, self.conversations, listed)

    async def _rename(self) -> None:
        if (conversation := self._some()) is None:
            return
        title = f"{self.mark} {random.randrange(10**6)}"
        params = {"thread_id": conversation.thread_id, "title": title}
        if await self._call({"type": "threads.update", "params": params}) is not None:
            conversation.titles = {title}
        elif conversation.titles:
            conversation.titles.add(title)

    async def _delete(self) -> None:
        if (conversation := self._some()) is None:
            return
        request = {"type": "threads.delete", "params": {"thread_id": conversation.thread_id}}
        conversation.life = Life.DELETED if await self._call(request) is not None else Life.DELETING

    async def _skewed(self) -> None:
        """Send a request with a token of another issue time."""
        skewed = random.choice(self.skewed_tokens)
        client = self.client(skewed.token)
        request = {"type": "threads.list", "params": {"limit": 1}}
        try:
            await posted(lambda: client.call(request), self._tally)
            accepted = True
        except GivenUpError as given_up:
            accepted = given_up.end is not End.REFUSED
        finally:
            await client.__aexit__(None, None, None)
        outcome = f"{skewed.name}: {'accepted' if accepted else 'refused'}"
        self._tally.actions[outcome] += 1
        if accepted is not skewed.accepted:
            detail = outcome
            self._tally.violations.append(Violation("identity", self.mark, None, None, detail))

    def _open(self) -> list[Conversation]:
        return [each for each in self.conversations if each.life is Life.THERE]

    def _some(self) -> Conversation | None:
        now = asyncio.get_running_loop().time()
        able = [each for each in self._open() if each.rests_until < now]
        return random.choice(able) if able else None

    async def _call(self, request: Event) -> Event | None:
        """Send a request that does not stream. Return None when it failed or its outcome is unknown."""
        try:
            return await posted(lambda: self._client.call(request), self._tally)
        except GivenUpError as given_up:
            self._tally.refusals[f"{request['type']}: {given_up.end.value}"] += 1
            return None

    # --- the oracle ---------------------------------------------------------------------------------------------------

    async def check(self, conversation: Conversation) -> list[Item] | None:
        """Read a whole conversation and compare it with the ledger. Return None when it cannot be read."""
        if conversation.thread_id is None:
            return None
        head = await self._found(get_thread(conversation.thread_id), conversation)
        if head is None:
            return None
        items: list[Item] = []
        while True:
            after = {"after": items[-1]["id"]} if items else {}
            params = {"thread_id": conversation.thread_id, "limit": PAGE, "order": "asc", **after}
            page = await self._found({"type": "items.list", "params": params}, conversation)
            if page is None:
                return None
            items += page["data"]
            if not page["has_more"]:
                break
        if conversation.titles and head.get("title") not in conversation.titles:
            self._complain("changed", conversation, None, f"has the title {head.get('title')!r}")
        self._tally.violations += judge(self.mark, conversation, items)
        return items

    async def _found(self, request: Event, conversation: Conversation) -> Event | None:
        """Read a part of a thread. Its existence or its absence may be a violation."""
        try:
            answer = await posted(lambda: self._client.call(request), self._tally)
        except GivenUpError as given_up:
            if given_up.end is not End.REFUSED:
                self._tally.refusals[f"{request['type']}: {given_up.end.value}"] += 1
            elif conversation.life is Life.THERE:
                gone = given_up.status == HTTPStatus.NOT_FOUND
                detail = "the thread does not exist" if gone else f"its owner was refused: {given_up.status}"
                self._complain("lost", conversation, None, detail)
            return None
        if conversation.life is Life.DELETED:
            self._complain("returned", conversation, None, "the thread was deleted")
        elif conversation.life is Life.UNSURE:
            conversation.life = Life.THERE
        return answer

    async def check_everything(self, tally: Tally) -> None:
        """Compare all conversations and their list; deleted conversations must be gone."""
        self._tally = tally
        for conversation in self.conversations:
            conversation.rests_until = 0
            await self.check(conversation)
        await self._list()

    async def settle(self, tally: Tally) -> None:
        """Compare the conversations that the last phase changed, and count the stored parts of its turns."""
        self._tally = tally
        fresh, self._fresh = self._fresh, []
        stored: dict[int, list[Item] | None] = {}
        for conversation, turn in fresh:
            if id(conversation) not in stored:
                stored[id(conversation)] = await self.check(conversation)
            items = stored[id(conversation)]
            gone = conversation.life in (Life.DELETED, Life.DELETING)
            tally.stored["deleted by its user" if gone else kept(turn, items or [])] += 1

    def _complain(self, kind: str, conversation: Conversation, item_id: str | None, detail: str) -> None:
        self._tally.violations.append(Violation(kind, self.mark, conversation.thread_id, item_id, detail))

    def _on_strangers(self, marks: set[str], where: str) -> None:
        detail = f"{where} returned text of {', '.join(sorted(marks))}"
        self._tally.violations.append(Violation("foreign", self.mark, None, None, detail))
