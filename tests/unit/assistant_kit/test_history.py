"""History: the newest items within a budget, oldest first."""

from __future__ import annotations

import pytest
from chatkit.types import AssistantMessageItem, FileAttachment, Page, ThreadItem, UserMessageItem

from assistant_kit.history import PAGE_ITEMS, Budget, newest_items, size, whole_attachments
from chat_api.context import RequestContext
from tests.fakes.memory_store import MemoryStore
from tests.fakes.turn import Conversation


class CountingStore(MemoryStore[RequestContext]):
    """Counts page reads."""

    loads = 0

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        self.loads += 1
        return await super().load_thread_items(thread_id, after, limit, order, context)


async def conversation(messages: int, text: str = "message {}", store: CountingStore | None = None) -> Conversation:
    talk = Conversation(store=store)
    for number in range(messages):
        await (talk.say if number % 2 == 0 else talk.answer)(text.format(number))
    return talk


async def texts(talk: Conversation, budget: Budget) -> list[str]:
    items = await newest_items(talk.store, talk.thread.id, talk.context, budget)
    messages = [item for item in items if isinstance(item, UserMessageItem | AssistantMessageItem)]
    return [part.text for item in messages for part in item.content]


ALL = Budget(characters=10**9, items=10**6)


class TestNewestItems:
    @pytest.mark.parametrize("count", [0, 1, 2, PAGE_ITEMS, PAGE_ITEMS + 1, 3 * PAGE_ITEMS + 7])
    async def test_everything_in_order_when_it_fits(self, count: int) -> None:
        assert await texts(await conversation(count), ALL) == [f"message {number}" for number in range(count)]

    async def test_the_newest_are_kept(self) -> None:
        talk = await conversation(100)
        assert await texts(talk, Budget(items=3)) == ["message 97", "message 98", "message 99"]

    async def test_characters_are_never_exceeded(self) -> None:
        talk = await conversation(20, "{}" + "x" * 500)
        items = await newest_items(talk.store, talk.thread.id, talk.context, Budget(characters=3000))
        assert 0 < sum(size(item) for item in items) <= 3000
        oldest_kept = items[0]
        left_out = (await talk.items())[-len(items) - 1]
        assert sum(size(item) for item in items) + size(left_out) > 3000
        assert oldest_kept.id != left_out.id

    async def test_the_very_newest_is_always_sent(self) -> None:
        talk = await conversation(3, "{}" + "x" * 5000)
        assert [text[0] for text in await texts(talk, Budget(characters=10))] == ["2"]

    async def test_a_long_thread_costs_what_is_sent(self) -> None:
        store = CountingStore()
        await texts(await conversation(10 * PAGE_ITEMS, store=store), Budget(items=PAGE_ITEMS))
        assert store.loads <= 2


class TestWholeAttachments:
    async def test_the_newest_are_whole(self) -> None:
        talk = Conversation()
        for number in range(6):
            await talk.say("look", [FileAttachment(id=f"f{number}", name="bill.txt", mime_type="text/plain")])
        items = await newest_items(talk.store, talk.thread.id, talk.context)
        assert whole_attachments(items, Budget(attachments=2)) == {"f4", "f5"}

    async def test_no_budget_is_none(self) -> None:
        talk = Conversation()
        await talk.say("look", [FileAttachment(id="f1", name="bill.txt", mime_type="text/plain")])
        items = await newest_items(talk.store, talk.thread.id, talk.context)
        assert whole_attachments(items, Budget(attachments=0)) == frozenset()

    async def test_a_file_does_not_count_as_text(self) -> None:
        talk = Conversation()
        plain = await talk.say("look")
        with_file = await talk.say("look", [FileAttachment(id="f1", name="n" * 300, mime_type="text/plain")])
        assert size(with_file) - size(plain) < 50
