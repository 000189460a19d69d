"""Ids of our own for the items of an assistant.

    ids = AnswerIds(new_id, is_own, is_stored)      # one per turn
    for event in ids.rewrite(event): …

Servers of chat-completions models send no ids, so the Agents SDK names every item `__fake_id__`; others count from one
in each conversation. The store would refuse the second item of a thread. Several items of a turn may have the same
foreign id: a message, then a client tool call, then a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatkit.store import StoreItemType
from chatkit.types import (
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

CONTINUED = frozenset({"workflow", "widget", "task", "structured_input", "generated_image"})
"""Types of items that a later turn may continue under the id that is stored."""
ID_KINDS: dict[str, StoreItemType] = {
    "client_tool_call": "tool_call",
    "workflow": "workflow",
    "task": "task",
    "sdk_hidden_context_item": "sdk_hidden_context",
}


@dataclass(slots=True)
class _Named:
    """An item of a foreign id."""

    own: str
    kind: str
    is_open: bool
    is_settled: bool = False
    """Whether it was replaced while it was open: a next item of this foreign id is another one."""


class AnswerIds:
    """Gives each item of a foreign id an id of our own, in all of its events until the end of the turn."""

    def __init__(
        self, new_id: Callable[[StoreItemType], str], is_own: Callable[[str], bool], is_stored: Callable[[str], bool]
    ) -> None:
        self._new_id = new_id
        self._is_own = is_own
        self._is_stored = is_stored
        self._items: dict[str, list[_Named]] = {}

    def rewrite(self, event: ThreadStreamEvent) -> list[ThreadStreamEvent]:
        """Return the event with an id of our own; a removal applies to all items of its foreign id."""
        match event:
            case ThreadItemAddedEvent(item=item) if self._is_foreign(item):
                others = [each for each in self._items.get(item.id, []) if not each.is_settled]
                self._items[item.id] = others
                return [_with_id(event, self._name(item.id, item.type, is_open=True))]
            case ThreadItemDoneEvent(item=item) if self._is_foreign(item):
                named = self._open(item.id, item.type) or self._continued(item) or self._name(item.id, item.type)
                named.is_open = False
                return [_with_id(event, named)]
            case ThreadItemReplacedEvent(item=item) if not self._is_known(item.id):
                named = self._last(item.id, item.type) or self._name(item.id, item.type)
                named.is_settled, named.is_open = named.is_open, False
                return [_with_id(event, named)]
            case ThreadItemUpdatedEvent(item_id=item_id, update=update) if not self._is_known(item_id):
                kind = update.type.partition(".")[0]
                named = self._last(item_id, kind) or self._name(item_id, kind, is_open=True)
                return [event.model_copy(update={"item_id": named.own})]
            case ThreadItemRemovedEvent(item_id=item_id) if item_id in self._items:
                return [ThreadItemRemovedEvent(item_id=named.own) for named in self._items.pop(item_id)]
            case _:
                return [event]

    def _is_foreign(self, item: ThreadItem) -> bool:
        return not self._is_own(item.id) and not (item.type in CONTINUED and self._is_stored(item.id))

    def _is_known(self, item_id: str) -> bool:
        return self._is_own(item_id) or (item_id not in self._items and self._is_stored(item_id))

    def _name(self, foreign: str, kind: str, *, is_open: bool = False) -> _Named:
        named = _Named(self._new_id(ID_KINDS.get(kind, "message")), kind, is_open)
        self._items.setdefault(foreign, []).append(named)
        return named

    def _open(self, foreign: str, kind: str) -> _Named | None:
        named = self._last(foreign, kind)
        return named if named is not None and named.is_open else None

    def _continued(self, item: ThreadItem) -> _Named | None:
        return self._last(item.id, item.type) if item.type in CONTINUED else None

    def _last(self, foreign: str, kind: str) -> _Named | None:
        return next((each for each in reversed(self._items.get(foreign, [])) if each.kind == kind), None)


def _with_id(event: Any, named: _Named) -> ThreadStreamEvent:
    return event.model_copy(update={"item": event.item.model_copy(update={"id": named.own})})
