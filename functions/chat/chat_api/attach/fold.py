"""The sum of a journal's entries: the items of a running turn as a reader sees them. Pure functions.

folded = fold([*load(body), *load(next_body)])
folded.open                             # items that are not stored yet, with all their updates
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ThreadItem,
    ThreadItemUpdatedEvent,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
)
from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot
from pydantic import BaseModel, ValidationError

from chat_api.answer.drafts import Draft
from chat_api.attach.entries import IMAGE, Entry, Event
from store_dynamo.serialization import ITEM_MODEL

logger = logging.getLogger("chat_api.attach.fold")

T = TypeVar("T")


@dataclass(slots=True)
class Folded:
    """The sum of a turn's events so far; events as JSON."""

    open: list[Event] = field(default_factory=list[Event])
    """Items that are not stored yet, with all their updates, in the order of their first event."""
    finished: list[str] = field(default_factory=list[str])
    """Ids of items that were stored, in order."""
    stream_options: Event | None = None
    notices: list[Event] = field(default_factory=list[Event])
    progress: Event | None = None
    """The last progress, if no item has changed since."""
    renamed: bool = False
    """Whether the thread has changed, for example its title."""
    error: Event | None = None


def fold(entries: Iterable[Entry]) -> Folded:
    """Return the sum of a turn's entries, from its first one on."""
    folded, drafts, finished = Folded(), dict[str, Draft](), dict[str, None]()
    for entry in entries:
        match entry:
            case ["t", item, index, deltas]:
                update = AssistantMessageContentPartTextDelta(content_index=index, delta="".join(deltas))
                _apply(drafts, item, update)
            case ["w", item, component, deltas]:
                update = WidgetStreamingTextValueDelta(component_id=component, delta="".join(deltas), done=False)
                _apply(drafts, item, update)
            case ["s", _, item]:
                drafts.pop(item, None)
                finished.pop(item, None)
                finished[item] = None
            case ["r", item]:
                drafts.pop(item, None)
                finished.pop(item, None)
            case ["e", event]:
                _fold_event(event, folded, drafts)
            case _:
                pass
        if entry[0] in "twsrg" or (entry[0] == "e" and entry[1]["type"].startswith("thread.item.")):
            folded.progress = None
    folded.open = [wire(draft.current()) for draft in drafts.values()]
    folded.finished = list(finished)
    return folded


def _fold_event(event: Event, folded: Folded, drafts: dict[str, Draft]) -> None:
    match event:
        case {"type": "thread.item.added", "item": item}:
            if (model := _known(item_of, item)) is not None:
                drafts[model.id] = Draft(model)
        case {"type": "thread.item.updated", "item_id": item, "update": update}:
            if update["type"] != IMAGE and (model := _known(_update_of, event)) is not None:
                _apply(drafts, item, model)
        case {"type": "stream_options"}:
            folded.stream_options = event
        case {"type": "notice"}:
            folded.notices.append(event)
        case {"type": "progress_update"}:
            folded.progress = event
        case {"type": "thread.updated"}:
            folded.renamed = True
        case {"type": "error"}:
            folded.error = event
        case _:
            pass


def _apply(drafts: dict[str, Draft], item: str, update: Any) -> None:
    if (draft := drafts.get(item)) is not None:
        draft.apply(update)


def _known(parse: Callable[[Event], T], fields: Event) -> T | None:
    """Return the model of a wire's JSON; None for one that the turn's newer version has and this one has not."""
    try:
        return parse(fields)
    except ValidationError as error:  # its message would quote the conversation
        first = error.errors(include_input=False, include_url=False)[0]["type"]
        logger.error("an event of the journal is unknown: %s", first)
        return None


def item_of(fields: Event) -> ThreadItem:
    """Return the item of a wire's JSON; a widget of a template keeps the properties that a Card does not have."""
    item = ITEM_MODEL.validate_python(fields)
    if isinstance(item, WidgetItem) and wire(item.widget) != fields["widget"]:
        item.widget = DynamicWidgetRoot.model_validate(fields["widget"])
    return item


def _update_of(event: Event) -> Any:
    update, fields = ThreadItemUpdatedEvent.model_validate(event).update, event["update"]
    match update:
        case WidgetRootUpdated(widget=widget) if wire(widget) != fields["widget"]:
            update.widget = DynamicWidgetRoot.model_validate(fields["widget"])
        case WidgetComponentUpdated(component=component) if wire(component) != fields["component"]:
            update.component = DynamicWidgetComponent.model_validate(fields["component"])
        case _:
            pass
    return update


def wire(model: BaseModel) -> Event:
    """Return a model's JSON as ChatKit sends it."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, context={"exclude_metadata": True})
