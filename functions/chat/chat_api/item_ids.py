"""Ids of answers are ours (promise S11), whatever the model's server calls its messages.

    ids = AnswerIds(lambda: store.generate_item_id("message", thread, context), is_ours)
    event = ids.rewrite(event)

Servers of chat-completions models give no ids, and the Agents SDK then calls every message `__fake_id__`; others count
from one in each conversation. Either way the second answer of a thread would be refused. So an assistant's message
whose id this turn's store did not make gets a new one, the same in every event from *added* to *done*.
"""

from __future__ import annotations

from collections.abc import Callable

from chatkit.types import (
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)


class AnswerIds:
    """The ids of one turn's answers."""

    def __init__(self, new_id: Callable[[], str], is_ours: Callable[[str], bool]) -> None:
        self._new_id = new_id
        self._is_ours = is_ours
        self._open: dict[str, str] = {}

    def rewrite(self, event: ThreadStreamEvent) -> ThreadStreamEvent:
        """Return the event with our id in the place of a foreign one."""
        match event:
            case ThreadItemAddedEvent(item=AssistantMessageItem() as item) if not self._is_ours(item.id):
                self._open[item.id] = self._new_id()
                return ThreadItemAddedEvent(item=item.model_copy(update={"id": self._open[item.id]}))
            case ThreadItemDoneEvent(item=AssistantMessageItem() as item) if not self._is_ours(item.id):
                own = self._open.pop(item.id, None) or self._new_id()
                return ThreadItemDoneEvent(item=item.model_copy(update={"id": own}))
            case ThreadItemReplacedEvent(item=item) if item.id in self._open:
                return ThreadItemReplacedEvent(item=item.model_copy(update={"id": self._open.pop(item.id)}))
            case ThreadItemUpdatedEvent(item_id=item_id) if item_id in self._open:
                return event.model_copy(update={"item_id": self._open[item_id]})
            case ThreadItemRemovedEvent(item_id=item_id) if item_id in self._open:
                return ThreadItemRemovedEvent(item_id=self._open.pop(item_id))
            case _:
                return event
