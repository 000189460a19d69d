"""Thread items as model input that stays what it is: bounded, and untrusted text only as data.

    class Converter(GuardedItemConverter):
        async def tag_to_message_content(self, tag): ...

    converter = Converter(turn.envelope, item_characters=120_000)
    model_input = await converter.to_agent_input(items)

ChatKit's ThreadItemConverter puts files, quotations, mentions, answers and hidden context into messages of one role,
between fixed tags that any of these texts can contain. Here each text of the client, of a tool or of a card is in an
envelope (`attachments_s3.envelope`), hidden context has the role `developer`, and no item is longer than its limit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, cast

from agents import TResponseInputItem
from chatkit.agents import ThreadItemConverter
from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    CustomTask,
    HiddenContextItem,
    SDKHiddenContextItem,
    StructuredInputItem,
    TaskItem,
    ThreadItem,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    WorkflowItem,
)
from openai.types.responses import ResponseInputTextParam
from openai.types.responses.response_input_item_param import Message

from assistant_kit.approval_cards import is_card, told
from attachments_s3 import Envelope
from chat_api.assistant import Approval

Role = Literal["user", "system", "developer"]
Converted = TResponseInputItem | list[TResponseInputItem] | None
MAX_MENTIONS = 50


class Room:
    """The characters that one item has left."""

    def __init__(self, characters: int, envelope: Envelope) -> None:
        self._left, self._envelope = characters, envelope

    def fit(self, text: str) -> str:
        """Return a text without the envelope's key, cut to what is left, with a note where it was cut."""
        text = self._envelope.without_key(text)
        kept = text[: self._left]
        self._left -= len(kept)
        return text if len(kept) == len(text) else f"{kept}\n[cut here: {len(kept)} of {len(text)} characters]"


class GuardedItemConverter(ThreadItemConverter):
    """Converts the items that need no knowledge of the assistant; attachments and mentions remain for a subclass."""

    def __init__(self, envelope: Envelope, item_characters: int, hidden_role: Role = "developer") -> None:
        self.envelope = envelope
        self._item_characters = item_characters
        self._hidden_role: Role = hidden_role

    async def to_agent_input(self, thread_items: Sequence[ThreadItem] | ThreadItem) -> list[TResponseInputItem]:
        """Return the items without blank texts: a file sent without words, or an answer that was stopped at once."""
        converted = await super().to_agent_input(thread_items)
        return [item for each in converted if (item := without_blanks(each)) is not None]

    async def user_message_to_input(self, item: UserMessageItem, is_last_message: bool = True) -> Converted:
        room, mentions = self._room(), 0
        content: list[UserMessageTextContent | UserMessageTagContent] = []
        for part in item.content:
            if isinstance(part, UserMessageTagContent) and (mentions := mentions + 1) > MAX_MENTIONS:
                continue
            content.append(part.model_copy(update={"text": room.fit(part.text)}))
        quoted = self.envelope.wrap("quotation", room.fit(item.quoted_text)) if item.quoted_text else None
        item = item.model_copy(update={"content": content, "quoted_text": quoted})
        return await super().user_message_to_input(item, is_last_message)

    async def assistant_message_to_input(self, item: AssistantMessageItem) -> Converted:
        room = self._room()
        content = [part.model_copy(update={"text": room.fit(part.text)}) for part in item.content]
        return await super().assistant_message_to_input(item.model_copy(update={"content": content}))

    async def client_tool_call_to_input(self, item: ClientToolCallItem) -> Converted:
        """Leave the result in its `function_call_output`, which is an envelope of the API; cut it if it is too long."""
        room = self._room()
        update = {"arguments": _fitted(item.arguments, room), "output": _fitted(item.output, room)}
        return await super().client_tool_call_to_input(item.model_copy(update=update))

    async def hidden_context_to_input(self, item: HiddenContextItem) -> Converted:
        return self._hidden(item.content if isinstance(item.content, str) else json.dumps(item.content))

    async def sdk_hidden_context_to_input(self, item: SDKHiddenContextItem) -> Converted:
        return self._hidden(item.content)

    async def structured_input_to_input(self, item: StructuredInputItem) -> Converted:
        lines: list[str] = []
        for question in item.inputs:
            answer = question.answer
            given = "unanswered" if answer is None else "skipped" if answer.skipped else ", ".join(answer.values)
            lines.append(f"- {question.question}: {given}".replace("\n", "\n  "))
        opening = f"A structured input request was displayed to the user with the following status: {item.status}"
        return self._data(opening, "answers", "\n".join(lines))

    async def task_to_input(self, item: TaskItem) -> Converted:
        return self._tasks([item.task])

    async def workflow_to_input(self, item: WorkflowItem) -> Converted:
        return self._tasks(item.workflow.tasks)

    def approval_of(self, item: WidgetItem) -> Approval | None:
        """Return the approval that a card is about; None without its record."""
        return None

    async def widget_to_input(self, item: WidgetItem) -> Converted:
        if is_card(item):
            if (approval := self.approval_of(item)) is None:
                return self._data("A card that asked the user for an approval was shown:", "approval", "", hidden=True)
            return self._data(*_approval(approval), hidden=True)
        widget = item.widget.model_dump_json(exclude_unset=True, exclude_none=True)
        return self._data("The following graphical UI widget was displayed to the user:", "widget", widget, id=item.id)

    def _room(self) -> Room:
        return Room(self._item_characters, self.envelope)

    def _tasks(self, tasks: list[Any]) -> Converted:
        shown = [task for task in tasks if isinstance(task, CustomTask) and (task.title or task.content)]
        lines = [": ".join(part for part in (task.title, task.content) if part) for task in shown]
        opening = "A message was displayed to the user that the following task was performed:"
        return self._data(opening, "task", "\n".join(lines)) if lines else None

    def _hidden(self, content: str) -> Message:
        return self._data(
            "Hidden context for the agent (not shown to the user):", "hidden-context", content, hidden=True
        )

    def _data(self, opening: str, kind: str, text: str, *, hidden: bool = False, **attributes: str) -> Message:
        """Return a message: our own words, then a text in its envelope."""
        wrapped = self.envelope.wrap(kind, self._room().fit(text), **attributes)
        role: Role = self._hidden_role if hidden else "user"
        return Message(type="message", role=role, content=[text_part(f"{opening}\n{wrapped}")])


def _approval(approval: Approval) -> tuple[str, str, str]:
    opening, data = told(approval)
    return opening, "approval", data


def text_part(text: str) -> ResponseInputTextParam:
    return cast(ResponseInputTextParam, {"type": "input_text", "text": text})


def without_blanks(item: TResponseInputItem) -> TResponseInputItem | None:
    """Return a message without its blank texts; None if nothing is left. Some endpoints reject an empty one."""
    fields = cast("dict[str, Any]", item)
    if not isinstance(content := fields.get("content"), list):
        return item
    parts = [part for part in cast("list[Any]", content) if "text" not in part or part["text"].strip()]
    return cast(TResponseInputItem, fields | {"content": parts}) if parts else None


def _fitted(value: Any, room: Room) -> Any:
    """Return JSON as it is if there is room for its text, otherwise the beginning of its text."""
    text = json.dumps(value)
    fitted = room.fit(text)
    return value if fitted == text else {"cut": fitted}
