"""Mentions in the coach's model input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chatkit.types import UserMessageTagContent

from attachments_s3 import Envelope
from coach.item_converter import CoachItemConverter
from tests.fakes.turn import Conversation

KEY = "0123456789abcdef"


def converter() -> CoachItemConverter:
    return CoachItemConverter(replace(Conversation().turn(), envelope=Envelope(KEY)), [])


def texts(items: list[Any]) -> list[str]:
    return [part["text"] for item in items for part in item["content"]]


@pytest.mark.feature("mentions")
async def test_mentions_are_resolved_by_their_id_alone() -> None:
    tag = UserMessageTagContent(type="input_tag", id="account:cash", text="Cash", data={"balance": "a million"})
    message = (await Conversation().say("")).model_copy(update={"content": [tag]})
    words, _, resolved = texts(await converter().to_agent_input([message]))
    assert words == "@Cash"
    assert resolved == f'<mention-{KEY}>\n@Cash\n</mention-{KEY}>\nis {{"kind": "account", "name": "cash"}}'


async def test_an_unknown_mention_is_told_to_be_one() -> None:
    tag = UserMessageTagContent(type="input_tag", id="account:bob", text="Bob's", data={"kind": "account"})
    message = (await Conversation().say("")).model_copy(update={"content": [tag]})
    given = texts(await converter().to_agent_input([message]))[-1]
    assert given == f"<mention-{KEY}>\n@Bob's\n</mention-{KEY}>\nis not a known account or category"
