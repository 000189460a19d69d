"""The events that show an approval: its card, each new state, the note for the model, and notices."""

from __future__ import annotations

from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import (
    HiddenContextItem,
    NoticeEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    WidgetItem,
)

from assistant_kit.approval_calls import approvals_of
from assistant_kit.approval_cards import card_item, told, with_card
from assistant_kit.items import item_fields
from chat_api.assistant import Approval, Asked, Turn
from languages import Speech, translate


def asking(call: Asked, field: dict[str, Any], turn: Turn) -> ThreadItemDoneEvent:
    """Return the card of a call that waits for its decision."""
    waiting = Approval(call, "pending", approvals_of(turn).now())
    return ThreadItemDoneEvent(item=card_item(waiting, field, Speech(turn.context.locale)))


async def stored_card(approval: Approval, thread: ThreadMetadata, turn: Turn) -> WidgetItem | None:
    """Return the stored card; None if it was taken back, by a retry for example."""
    try:
        item = await turn.store.load_item(thread.id, approval.asked.item_id, turn.context)
    except NotFoundError:
        return None
    return item if isinstance(item, WidgetItem) else None


def replaced(sender: WidgetItem, approval: Approval, turn: Turn, *, details: bool = False) -> ThreadItemReplacedEvent:
    """Return the card in the present state of its record."""
    return ThreadItemReplacedEvent(item=with_card(sender, approval, Speech(turn.context.locale), details=details))


def note(thread: ThreadMetadata, approval: Approval, turn: Turn) -> ThreadItemDoneEvent:
    """Return the newest item for the model: behind what the tool has shown, it says what was decided and done."""
    content = "\n".join(told(approval))
    fields = item_fields("message", thread, turn.store, turn.context)
    return ThreadItemDoneEvent(item=HiddenContextItem(**fields, content=content))


def notice(message: str, turn: Turn) -> NoticeEvent:
    """Return a warning in the user's language."""
    return NoticeEvent(level="warning", message=translate(message, turn.context.locale))
