"""The coach's thread items as model input: mentions of accounts and categories, files and images within limits.

converter = CoachItemConverter(turn, items)
model_input = await converter.to_agent_input(items)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from chatkit.types import Attachment, GeneratedImageItem, ThreadItem, UserMessageTagContent
from openai.types.responses import ResponseInputContentParam
from openai.types.responses.response_input_item_param import Message

from chat_api.assistant import Turn
from coach.entities import resolve
from coach.guarded_items import Converted, GuardedItemConverter, text_part
from coach.history import BUDGET, Budget, whole_attachments, whole_image


class CoachItemConverter(GuardedItemConverter):
    """Converts the items of one turn; the newest files and the newest image are sent whole."""

    def __init__(self, turn: Turn, items: Sequence[ThreadItem], budget: Budget = BUDGET) -> None:
        super().__init__(turn.envelope, budget.item_characters)
        self._turn = turn
        self._whole_attachments = whole_attachments(list(items), budget)
        self._whole_image = whole_image(list(items))

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        if attachment.id in self._whole_attachments:
            return await self._turn.attachment_content(attachment)
        named = self.envelope.empty("file", name=attachment.name, type=attachment.mime_type)
        return text_part(f"{named}\n[Attached earlier, content not repeated.]")

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        entity = resolve(tag.id)
        meaning = f"is {json.dumps(entity)}" if entity else "is not a known account or category"
        return text_part(f"{self.envelope.wrap('mention', f'@{tag.text}')}\n{meaning}")

    async def generated_image_to_input(self, item: GeneratedImageItem) -> Converted:
        """Mention an image, and send the newest as bytes: its URL expires and may be out of the model's reach."""
        if item.image is None:
            return None
        image = await self._turn.image_content(item.image) if item.id == self._whole_image else None
        content = [text_part("[A picture that you generated was shown here.]"), *([image] if image else [])]
        return Message(type="message", role="user", content=content)
