"""What every new thread item begins with.

WidgetItem(**beginning("message", thread, turn.store, turn.context), widget=card)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatkit.store import Store, StoreItemType
from chatkit.types import ThreadMetadata

from chat_api.context import RequestContext


def beginning(
    kind: StoreItemType, thread: ThreadMetadata, store: Store[RequestContext], context: RequestContext
) -> dict[str, Any]:
    """Return a fresh id, the thread's id and the time, naive as ChatKit's own are (`chatkit.agents` subtracts them)."""
    return {
        "id": store.generate_item_id(kind, thread, context),
        "thread_id": thread.id,
        "created_at": datetime.now(),  # noqa: DTZ005
    }
