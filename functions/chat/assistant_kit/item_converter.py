"""A turn's thread items as model input: files and generated images within a budget, untrusted text in envelopes.

    items = await newest_items(turn.store, thread.id, turn.context)
    model_input = await ItemConverter(turn, items).to_agent_input(items)

Derive a class to explain mentions (`mention`) or to convert an item differently; every method of ChatKit's
`ThreadItemConverter` can be overridden. `chat_completions` takes the same items to an endpoint of that API.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatkit.types import Attachment, GeneratedImageItem, ThreadItem, UserMessageTagContent, WidgetItem
from openai.types.responses import ResponseInputContentParam
from openai.types.responses.response_input_item_param import Message

from assistant_kit.guarded_items import Converted, GuardedItemConverter, Role, text_part
from assistant_kit.history import BUDGET, Budget, whole_attachments, whole_image
from chat_api.assistant import Approval, Turn


class ItemConverter(GuardedItemConverter):
    """Converts the items of one turn; the newest files and the newest image are sent whole."""

    def __init__(
        self, turn: Turn, items: Sequence[ThreadItem], budget: Budget = BUDGET, hidden_role: Role = "developer"
    ) -> None:
        super().__init__(turn.envelope, budget.item_characters, hidden_role)
        self._turn = turn
        self._whole_attachments = whole_attachments(list(items), budget)
        self._whole_image = whole_image(list(items))

    def mention(self, tag: UserMessageTagContent) -> str:
        """Explain a mention to the model. Only `tag.id` may count: the client controls the rest of a tag."""
        return "is a mention that this assistant does not explain"

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        if attachment.id in self._whole_attachments:
            return await self._turn.attachment_content(attachment)
        named = self.envelope.empty("file", name=attachment.name, type=attachment.mime_type)
        return text_part(f"{named}\n[Attached earlier, content not repeated.]")

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        return text_part(f"{self.envelope.wrap('mention', f'@{tag.text}')}\n{self.mention(tag)}")

    def approval_of(self, item: WidgetItem) -> Approval | None:
        return self._turn.approvals.by_item.get(item.id) if self._turn.approvals else None

    async def generated_image_to_input(self, item: GeneratedImageItem) -> Converted:
        """Mention an image, and send the newest as bytes: its URL expires and may be out of the model's reach."""
        if item.image is None:
            return None
        image = await self._turn.image_content(item.image) if item.id == self._whole_image else None
        content = [text_part("[A picture that you generated was shown here.]"), *([image] if image else [])]
        return Message(type="message", role="user", content=content)
