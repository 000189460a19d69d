"""From ChatKit's thread items to the model's input."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import cast

from agents import TResponseInputItem
from chatkit.agents import ThreadItemConverter
from chatkit.types import Attachment, GeneratedImage, GeneratedImageItem, HiddenContextItem, UserMessageTagContent
from openai.types.responses import ResponseInputContentParam, ResponseInputTextParam
from openai.types.responses.response_input_item_param import Message

from coach.entities import resolve


class CoachItemConverter(ThreadItemConverter):
    """Adds what ChatKit leaves open: attachments, @-mentions, hidden context of any shape, pictures."""

    def __init__(
        self,
        attachment_content: Callable[[Attachment], Awaitable[ResponseInputContentParam]],
        whole_attachments: frozenset[str],
        image_content: Callable[[GeneratedImage], Awaitable[ResponseInputContentParam | None]],
        whole_picture: str | None,
    ) -> None:
        self._attachment_content = attachment_content
        self._whole_attachments = whole_attachments
        self._image_content = image_content
        self._whole_picture = whole_picture

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        if attachment.id in self._whole_attachments:
            return await self._attachment_content(attachment)
        return _text(f"[Attached earlier, not repeated here: {attachment.name} ({attachment.mime_type})]")

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        known = resolve(tag.id)
        return _text(f"@{tag.text} is {json.dumps(known) if known else 'nothing that is known here'}")

    async def hidden_context_to_input(
        self, item: HiddenContextItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        if not isinstance(item.content, str):
            item = item.model_copy(update={"content": json.dumps(item.content)})
        return await super().hidden_context_to_input(item)

    async def generated_image_to_input(
        self, item: GeneratedImageItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Name a picture, and send the newest as bytes: its URL expires, and may be one that the model cannot reach."""
        if item.image is None:
            return None
        picture = await self._image_content(item.image) if item.id == self._whole_picture else None
        content = [_text("[A picture that you generated was shown here.]"), *([picture] if picture else [])]
        return Message(type="message", role="user", content=content)


def _text(text: str) -> ResponseInputTextParam:
    return cast(ResponseInputTextParam, {"type": "input_text", "text": text})
