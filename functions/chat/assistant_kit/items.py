"""New thread items: the fields that every item needs, and generated images that are stored as files.

WidgetItem(**item_fields("message", thread, turn.store, turn.context), widget=card)
stream_agent_response(context, result, converter=ImageConverter(turn.save_image))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from chatkit.agents import ResponseStreamConverter
from chatkit.store import Store, StoreItemType
from chatkit.types import ThreadMetadata

from chat_api.context import RequestContext

PARTIAL_IMAGES = 2


def item_fields(
    kind: StoreItemType, thread: ThreadMetadata, store: Store[RequestContext], context: RequestContext
) -> dict[str, Any]:
    """Return a new id, the thread's id and the current time.

    The time is naive because ChatKit's are: `chatkit.agents` subtracts them from each other.
    """
    return {
        "id": store.generate_item_id(kind, thread, context),
        "thread_id": thread.id,
        "created_at": datetime.now(),  # noqa: DTZ005
    }


class ImageConverter(ResponseStreamConverter):
    """Passes each generated image, partial ones included, to the turn's `save_image` and keeps only the URL."""

    def __init__(self, save_image: Callable[[str, bool], Awaitable[str]]) -> None:
        super().__init__(partial_images=PARTIAL_IMAGES)
        self._save_image = save_image

    async def base64_image_to_url(
        self, image_id: str, base64_image: str, partial_image_index: int | None = None
    ) -> str:
        return await self._save_image(base64_image, partial_image_index is not None)
