"""Items as the user sees them while they are streamed.

draft = Draft(item)
draft.apply(update)             # for each change
draft.current()                 # the item with all changes
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    GeneratedImageItem,
    GeneratedImageUpdated,
    Task,
    ThreadItem,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import WidgetRoot
from pydantic import ValidationError

from languages import say

logger = logging.getLogger("chat_api.answer.drafts")

INTERRUPTED = say("The answer was interrupted here.")
"""The visible note at the end of an answer that broke off."""
STOPPED_NOTE = "The user stopped the answer above. Do not continue it unless the user asks for it."
"""The hidden note behind an answer that its user stopped."""


@dataclass(slots=True)
class Draft:
    """An item as the user sees it."""

    item: ThreadItem
    is_done: bool = False
    has_changed: bool = False
    _deltas: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    _widget_updates: list[Any] = field(default_factory=list[Any])

    def current(self) -> ThreadItem:
        """Return the item with all changes so far."""
        if isinstance(self.item, AssistantMessageItem):
            for index, deltas in self._deltas.items():
                _part(self.item, index).text += "".join(deltas)
        elif isinstance(self.item, WidgetItem) and self._widget_updates:
            self.item.widget = changed_widget(self.item.widget, self._widget_updates)
        self._deltas.clear()
        self._widget_updates.clear()
        return self.item

    def apply(self, update: Any) -> Any:
        """Change the item; return the update, with a number that exists for a task."""
        self.has_changed = True
        match self.item, update:
            case AssistantMessageItem(), AssistantMessageContentPartTextDelta(content_index=index, delta=delta):
                self._deltas.setdefault(index, []).append(delta)
            case (
                AssistantMessageItem() as item,
                AssistantMessageContentPartAdded() | AssistantMessageContentPartDone() as part,
            ):
                self.current()
                _part(item, part.content_index)
                item.content[part.content_index] = part.content.model_copy(deep=True)
            case AssistantMessageItem() as item, AssistantMessageContentPartAnnotationAdded() as added:
                _part(item, added.content_index).annotations.insert(added.annotation_index, added.annotation)
            case WorkflowItem(workflow=workflow), WorkflowTaskAdded(task=task):
                workflow.tasks.append(task)
            case WorkflowItem(workflow=workflow), WorkflowTaskUpdated(task=task, task_index=index):
                if not 0 <= index < len(workflow.tasks):
                    workflow.tasks.append(task)
                    return WorkflowTaskAdded(task=task, task_index=len(workflow.tasks) - 1)
                workflow.tasks[index] = task
            case WidgetItem(), _:
                self._widget_updates.append(update)
            case GeneratedImageItem() as item, GeneratedImageUpdated(image=image):
                item.image = image
            case _:
                self.has_changed = False
        return update


def changed_widget(widget: WidgetRoot, updates: Iterable[Any]) -> WidgetRoot:
    """Return a widget with the texts and components that were streamed into it."""
    for update in updates:
        match update:
            case WidgetRootUpdated(widget=new):
                widget = new
            case WidgetStreamingTextValueDelta(component_id=name, delta=delta):
                widget = _with_component(
                    widget, name, lambda old, text=delta: old | {"value": (old.get("value") or "") + text}
                )
            case WidgetComponentUpdated(component_id=name, component=new):
                dumped = new.model_dump(exclude_none=True)
                widget = _with_component(widget, name, lambda _, dumped=dumped: dumped)
            case _:
                pass
    return widget


def _with_component(widget: WidgetRoot, name: str, change: Callable[[Any], Any]) -> WidgetRoot:
    return _with_all(widget, lambda node: change(node) if node.get("id") == name else node)


def _with_all(widget: WidgetRoot, change: Callable[[dict[str, Any]], Any]) -> WidgetRoot:
    """Return a widget whose components are changed."""

    def changed(node: Any) -> Any:
        match node:
            case dict():
                found = change(cast("dict[str, Any]", node))
                return found if found is not node else {key: changed(each) for key, each in found.items()}
            case list():
                return [changed(each) for each in cast("list[Any]", node)]
            case _:
                return node

    try:
        return type(widget).model_validate(changed(widget.model_dump(exclude_none=True)))
    except ValidationError:  # its message would quote the conversation
        logger.warning("an update that does not fit its %s is not shown", widget.type)
        return widget


def _part(item: AssistantMessageItem, index: int) -> AssistantMessageContent:
    while len(item.content) <= index:
        item.content.append(AssistantMessageContent(text=""))
    return item.content[index]


def new_item(event: ThreadItemUpdatedEvent, thread: ThreadMetadata) -> ThreadItem | None:
    """Return an empty item for a first change; None if the change does not show what the item is."""
    facts: dict[str, Any] = {"id": event.item_id, "thread_id": thread.id, "created_at": datetime.now()}  # noqa: DTZ005
    match event.update:
        case WorkflowTaskAdded() | WorkflowTaskUpdated():
            return WorkflowItem(**facts, workflow=Workflow(type="custom", tasks=[]))
        case WidgetRootUpdated(widget=widget):
            return WidgetItem(**facts, widget=widget)
        case GeneratedImageUpdated():
            return GeneratedImageItem(**facts)
        case update if update.type.startswith("assistant_message."):
            return AssistantMessageItem(**facts, content=[])
        case _:
            return None


def is_empty(item: ThreadItem) -> bool:
    """Return whether an item shows nothing."""
    match item:
        case AssistantMessageItem(content=content):
            return not any(part.text.strip() for part in content)
        case WorkflowItem(workflow=workflow):
            return not workflow.tasks and workflow.summary is None
        case GeneratedImageItem(image=image):
            return image is None
        case _:
            return False


def interrupted(item: ThreadItem, note: str) -> ThreadItem:
    """Return an unfinished item as it ends when the turn breaks: an answer with a visible note."""
    match item:
        case AssistantMessageItem(content=content):
            return item.model_copy(update={"content": [*content, AssistantMessageContent(text=f"\n\n*{note}*")]})
        case _:
            return at_rest(item)


def at_rest(item: ThreadItem) -> ThreadItem:
    """Return an unfinished item in which nothing runs any more."""
    match item:
        case WorkflowItem(workflow=workflow):
            tasks = [_ended(task) for task in workflow.tasks]
            return item.model_copy(update={"workflow": workflow.model_copy(update={"tasks": tasks})})
        case WidgetItem(widget=widget):
            still = _with_all(widget, lambda node: node | {"streaming": False} if node.get("streaming") else node)
            return item.model_copy(update={"widget": still})
        case _:
            return item


def _ended(task: Task) -> Task:
    return task.model_copy(update={"status_indicator": "none"}) if task.status_indicator == "loading" else task


def is_kept(item: ThreadItem) -> bool:
    """Return whether an unfinished item is stored when the turn is stopped."""
    return isinstance(item, AssistantMessageItem | WorkflowItem | WidgetItem) and not is_empty(item)


def filled(item: ThreadItem, draft: ThreadItem) -> ThreadItem:
    """Return an empty item with the content of its draft."""
    match item, draft:
        case AssistantMessageItem(), AssistantMessageItem(content=content):
            return item.model_copy(update={"content": content})
        case WorkflowItem(), WorkflowItem(workflow=workflow):
            return item.model_copy(update={"workflow": workflow})
        case GeneratedImageItem(), GeneratedImageItem(image=image):
            return item.model_copy(update={"image": image})
        case _:
            return item
