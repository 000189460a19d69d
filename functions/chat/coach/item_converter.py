"""The coach's thread items as model input: mentions are accounts and categories.

converter = CoachItemConverter(turn, items)
model_input = await converter.to_agent_input(items)
"""

from __future__ import annotations

import json

from chatkit.types import UserMessageTagContent

from assistant_kit.item_converter import ItemConverter
from coach.entities import resolve


class CoachItemConverter(ItemConverter):
    """Explains mentions of accounts and categories."""

    def mention(self, tag: UserMessageTagContent) -> str:
        entity = resolve(tag.id)
        return f"is {json.dumps(entity)}" if entity else "is not a known account or category"
