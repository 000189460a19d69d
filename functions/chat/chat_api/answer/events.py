"""Repairs of an assistant's events, so that what the user saw is stored under an id of ours.

    answer = AnswerEvents(thread, new_id, is_own, is_stored)    # one per turn
    for repaired in answer.repair(event): …                     # for each event of the assistant
    for owed in answer.finish(): …                              # when it has ended without an exception
    for kept in answer.interrupt(note): …                       # when it has failed

Each broken rule is logged under its name; `chat_api.answer` lists them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import cast, get_args

from chatkit.store import StoreItemType
from chatkit.types import (
    ClientToolCallItem,
    GeneratedImageItem,
    GeneratedImageUpdated,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
)

from chat_api.answer.drafts import Draft, filled, interrupted, is_empty, is_kept, new_item
from chat_api.answer.ids import AnswerIds
from chat_api.answer.rules import (
    ADDED_FIRST,
    ADDED_IS_DONE,
    DONE_HAS_CONTENT,
    DONE_IS_FINAL,
    DONE_ONCE,
    ONE_CALL,
    YIELDS_EVENTS,
    RuleBrokenError,
    broken,
)
from chat_api.answer.surrogates import Surrogates

NOT_CALLED = {"error": "not called: one tool of the page runs at a time. Call it again if it is still needed."}
EVENTS = get_args(get_args(ThreadStreamEvent)[0])


class AnswerEvents:
    """The items of one turn."""

    def __init__(
        self,
        thread: ThreadMetadata,
        new_id: Callable[[StoreItemType], str],
        is_own: Callable[[str], bool],
        is_stored: Callable[[str], bool],
    ) -> None:
        self._thread = thread
        self._surrogates = Surrogates()
        self._ids = AnswerIds(new_id, is_own, is_stored)
        self._is_stored = is_stored
        self._drafts: dict[str, Draft] = {}
        """Every item of this turn by its own id, in the order of its first event."""
        self._stored: dict[str, ThreadItem] = {}
        """The items of this turn that ChatKit has stored."""

    def repair(self, event: object) -> Iterator[ThreadStreamEvent]:
        """Yield the event as it may be stored and shown, or several. Raises RuleBrokenError for another type."""
        if not isinstance(event, EVENTS):
            broken(YIELDS_EVENTS, f"it yielded {type(event).__name__}")
            raise RuleBrokenError(YIELDS_EVENTS)
        for each in self._ids.rewrite(self._surrogates.repair(self._placed(cast(ThreadStreamEvent, event)))):
            yield from self._follow(each)

    def finish(self) -> Iterator[ThreadStreamEvent]:
        """Yield the events that the assistant owes: its unfinished items, as the user saw them."""
        for item_id, draft in list(self._drafts.items()):
            item = draft.current()
            if draft.is_done and draft.has_changed:
                broken(DONE_IS_FINAL, f"{item.type} {item_id} is replaced")
                yield from self._follow(ThreadItemReplacedEvent(item=item))
            elif not draft.is_done and is_empty(item) and item_id in self._stored:
                broken(DONE_ONCE, f"{item.type} {item_id} stays as it was")
                yield from self._follow(ThreadItemReplacedEvent(item=self._stored[item_id]))
            elif not draft.is_done and is_empty(item):
                broken(ADDED_IS_DONE, f"the empty {item.type} {item_id} is removed")
                yield from self._follow(ThreadItemRemovedEvent(item_id=item_id))
            elif not draft.is_done:
                broken(ADDED_IS_DONE, f"{item.type} {item_id} is stored as it was shown")
                yield from self._follow(ThreadItemDoneEvent(item=item))

    def interrupt(self, note: str) -> Iterator[ThreadStreamEvent]:
        """Yield the unfinished items of an assistant that has failed, with a visible note, so that they are stored."""
        for draft in list(self._drafts.values()):
            if not draft.is_done and is_kept(item := draft.current()):
                yield from self._follow(ThreadItemDoneEvent(item=interrupted(item, note)))

    def shown(self, item: ThreadItem) -> ThreadItem:
        """Return an unfinished item as the user sees it."""
        draft = self._drafts.get(item.id)
        return item if draft is None else draft.current()

    def _placed(self, event: ThreadStreamEvent) -> ThreadStreamEvent:
        """Return the event with this turn's thread in its item."""
        item = getattr(event, "item", None)
        if item is None or item.thread_id == self._thread.id:
            return event
        return event.model_copy(update={"item": item.model_copy(update={"thread_id": self._thread.id})})

    def _follow(self, event: ThreadStreamEvent) -> Iterator[ThreadStreamEvent]:
        match event:
            case ThreadItemAddedEvent(item=item):
                self._drafts[item.id] = Draft(item.model_copy(deep=True))
                yield event
            case ThreadItemUpdatedEvent():
                yield from self._updated(event)
            case ThreadItemDoneEvent(item=item):
                yield self._done(item)
            case ThreadItemReplacedEvent(item=item):
                self._store(item)
                yield event
            case ThreadItemRemovedEvent(item_id=item_id):
                self._drafts.pop(item_id, None)
                self._stored.pop(item_id, None)
                yield event
            case _:
                yield event

    def _updated(self, event: ThreadItemUpdatedEvent) -> Iterator[ThreadStreamEvent]:
        draft = self._drafts.get(event.item_id)
        if draft is None:
            item = None if self._is_stored(event.item_id) else new_item(event, self._thread)
            if item is None:
                yield event
                return
            broken(ADDED_FIRST, f"{item.type} {item.id} is added")
            draft = self._drafts[item.id] = Draft(item)
            yield ThreadItemAddedEvent(item=item.model_copy(deep=True))
        yield event.model_copy(update={"update": draft.apply(event.update)})

    def _done(self, item: ThreadItem) -> ThreadStreamEvent:
        if isinstance(item, ClientToolCallItem) and item.status == "pending":
            item = self._one_call(item)
        draft = self._drafts.get(item.id)
        if draft is not None and is_empty(item) and not is_empty(draft.current()):
            broken(DONE_HAS_CONTENT, f"the streamed content of {item.type} {item.id} is stored")
            item = filled(item, draft.current())
        before = self._stored.get(item.id)
        self._store(item)
        if before is None or item.type == "workflow" or before == item:
            return ThreadItemDoneEvent(item=item)
        broken(DONE_ONCE, f"{item.type} {item.id} is replaced")
        return ThreadItemReplacedEvent(item=item)

    def _one_call(self, call: ClientToolCallItem) -> ClientToolCallItem:
        """Return the turn's first call as it is. A result names no call, so a second one could get the wrong result."""
        waiting = any(isinstance(each, ClientToolCallItem) and each.id != call.id for each in self._stored.values())
        if not waiting:
            return call
        broken(ONE_CALL, f"{call.name} is not called")
        return call.model_copy(update={"status": "completed", "output": NOT_CALLED})

    def _store(self, item: ThreadItem) -> None:
        self._drafts[item.id] = Draft(item.model_copy(deep=True), is_done=True)
        self._stored[item.id] = item.model_copy(deep=True)


async def with_stored_image(
    event: ThreadStreamEvent, save_image: Callable[[str, bool], Awaitable[str]]
) -> ThreadStreamEvent:
    """Return an event whose generated image is a stored file. ChatKit's own converter makes a data URL of it."""
    match event:
        case ThreadItemUpdatedEvent(update=GeneratedImageUpdated(image=image) as update) if data := _base64(image.url):
            stored = image.model_copy(update={"url": await save_image(data, True)})
            return event.model_copy(update={"update": update.model_copy(update={"image": stored})})
        case ThreadItemAddedEvent() | ThreadItemDoneEvent() | ThreadItemReplacedEvent():
            image = event.item.image if isinstance(event.item, GeneratedImageItem) else None
            if image is None or not (data := _base64(image.url)):
                return event
            stored = image.model_copy(update={"url": await save_image(data, False)})
            return event.model_copy(update={"item": event.item.model_copy(update={"image": stored})})
        case _:
            return event


def _base64(url: str) -> str:
    head, _, data = url.partition(",")
    return data if head.startswith("data:") and head.endswith(";base64") else ""
