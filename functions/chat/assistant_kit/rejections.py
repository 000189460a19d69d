"""Content that the model rejected, left out of the conversation from then on.

    async for event in without_rejected(thread, turn, items, run):       # run(items) yields one run's events
        yield event

Theory. A message is stored before the model sees it, and each later turn sends it again. If the model rejects it (a
file that it cannot read, a text that it flags: HTTP 400), every later turn would fail as well, and in ChatKit a user
can neither change nor delete a message. So a rejected request is repeated with less until it is accepted:

    everything → without the newest files → without any file → the newest message alone

Whatever made the difference is written into a hidden item of the thread, and is replaced by a note in later turns. If
nothing helps, the newest message itself is left out from the next turn on, and this turn fails. Nothing is repeated
once the run has yielded an event.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import openai
from chatkit.types import (
    HiddenContextItem,
    NoticeEvent,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
)

from chat_api.assistant import Turn
from languages import say, translate

logger = logging.getLogger(__name__)

KEY = "rejected_by_the_model"
"""The only key of a hidden item that lists rejected content."""
FILE_LEFT_OUT = "[A file of this message is left out, because the model rejected it. Tell the user if it matters.]"
MESSAGE_LEFT_OUT = "[A message of the user is left out, because the model rejected it.]"
HISTORY_LEFT_OUT = "[The earlier conversation is left out, because the model rejected it.]"
FILES_NOTICE = say("The model cannot read a file of this conversation. It is left out from now on.")
HISTORY_NOTICE = say("The model rejects an earlier part of this conversation. It is left out from now on.")

CONTENT_PARAMETERS = ("input", "messages", "prompt")
"""Parameters that an error about the conversation names: of Responses, Chat Completions, and Azure's content filter."""

Run = Callable[[list[ThreadItem]], AsyncIterator[ThreadStreamEvent]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Ids of files and of items that are left out, and of the first item that is kept if the earlier ones are not."""

    files: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    start: str | None = None

    @classmethod
    def of(cls, items: Sequence[ThreadItem]) -> Rejected:
        """Return the rejected content that the thread's hidden items list."""
        found = cls()
        for item in items:
            if listed := _listed(item):
                files, others = frozenset(listed.get("files", ())), frozenset(listed.get("items", ()))
                found = cls(found.files | files, found.items | others, listed.get("start") or found.start)
        return found

    def as_content(self) -> dict[str, Any]:
        """Return the content of the hidden item that lists this."""
        return {KEY: {"files": sorted(self.files), "items": sorted(self.items), "start": self.start}}

    def leave_out(self, items: Sequence[ThreadItem]) -> list[ThreadItem]:
        """Return the items with notes in place of rejected ones, without the hidden items that list them."""
        kept = [item for item in items if _listed(item) is None]
        places = [index for index, item in enumerate(kept) if item.id == self.start]
        changed = [new for item in kept[places[0] if places else 0 :] if (new := self._changed(item))]
        if places and places[0] and changed and isinstance(first := changed[0], UserMessageItem):
            changed[0] = _with_note(first, HISTORY_LEFT_OUT)
        return changed

    def _changed(self, item: ThreadItem) -> ThreadItem | None:
        if item.id in self.items:
            if not isinstance(item, UserMessageItem):
                return None
            note: list[Any] = [UserMessageTextContent(text=MESSAGE_LEFT_OUT)]
            return item.model_copy(update={"content": note, "attachments": [], "quoted_text": None})
        if isinstance(item, UserMessageItem) and any(each.id in self.files for each in item.attachments):
            left = [each for each in item.attachments if each.id not in self.files]
            return _with_note(item.model_copy(update={"attachments": left}), FILE_LEFT_OUT)
        return item


async def without_rejected(
    thread: ThreadMetadata, turn: Turn, items: Sequence[ThreadItem], run: Run
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield the events of `run`, repeated with less content while the model rejects it. Raises the run's errors."""
    known = Rejected.of(items)
    usable = known.leave_out(items)
    error: openai.APIStatusError | None = None
    for rejected, notice in _attempts(usable):
        started = False
        try:
            async with aclosing(cast("AsyncGenerator[ThreadStreamEvent]", run(rejected.leave_out(usable)))) as events:
                async for event in events:
                    if not started and event.type != "notice":
                        started = True
                        if notice:
                            await _store(rejected, thread, turn)
                            yield NoticeEvent(level="warning", message=translate(notice, turn.context.locale))
                    yield event
            return
        except openai.APIStatusError as failure:
            if started or not is_rejection(failure):
                raise
            error = failure
    newest = _from_newest_message(usable)
    await _store(Rejected(items=frozenset(item.id for item in newest)), thread, turn)
    assert error is not None
    raise error


def is_rejection(error: openai.APIStatusError) -> bool:
    """Return whether an error is about the content of the conversation, not about its length or another parameter."""
    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return False
    if error.code == "context_length_exceeded":
        return False
    return not error.param or error.param.startswith(CONTENT_PARAMETERS)


def _attempts(items: list[ThreadItem]) -> Iterator[tuple[Rejected, str | None]]:
    """Yield what to leave out, and the notice for the user if that helps."""
    yield Rejected(), None
    with_files = [item for item in items if isinstance(item, UserMessageItem) and item.attachments]
    files = [frozenset(each.id for each in item.attachments) for item in with_files]
    if files:
        yield Rejected(files=files[-1]), FILES_NOTICE
    if len(files) > 1:
        yield Rejected(files=frozenset[str]().union(*files)), FILES_NOTICE
    newest = _from_newest_message(items)
    if len(newest) < len(items) and isinstance(newest[0], UserMessageItem):
        files_of_newest = frozenset(each.id for each in newest[0].attachments)
        yield Rejected(files=files_of_newest, start=newest[0].id), HISTORY_NOTICE


def _from_newest_message(items: list[ThreadItem]) -> list[ThreadItem]:
    places = [index for index, item in enumerate(items) if isinstance(item, UserMessageItem)]
    return items[places[-1] if places else 0 :]


async def _store(rejected: Rejected, thread: ThreadMetadata, turn: Turn) -> None:
    logger.warning(
        "the model rejected content, which is left out from now on",
        extra={"thread_id": thread.id, "files": len(rejected.files), "items": len(rejected.items)},
    )
    item = HiddenContextItem(
        id=turn.store.generate_item_id("message", thread, turn.context),
        thread_id=thread.id,
        created_at=datetime.now(),  # noqa: DTZ005 (ChatKit's times are naive)
        content=rejected.as_content(),
    )
    await turn.store.add_thread_item(thread.id, item, turn.context)


def _with_note(item: UserMessageItem, note: str) -> UserMessageItem:
    return item.model_copy(update={"content": [*item.content, UserMessageTextContent(text=note)]})


def _listed(item: ThreadItem) -> dict[str, Any] | None:
    """Return the ids that a hidden item lists; None for any other item."""
    content: Any = item.content if isinstance(item, HiddenContextItem) else None
    return content.get(KEY) if isinstance(content, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
