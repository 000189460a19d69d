"""Composer selection: the newest message counts, within the offered models and tools."""

from __future__ import annotations

import pytest
from chatkit.types import InferenceOptions, ThreadItem, ToolChoice

from coach.choices import Choice
from store_dynamo.testing.models import answer, note, user_message

MODELS = ("gpt-6.1-terra", "gpt-6-luna")


def chosen(model: str | None = None, tool: str | None = None, item_id: str = "m1") -> ThreadItem:
    options = InferenceOptions(model=model, tool_choice=ToolChoice(id=tool) if tool else None)
    return user_message(item_id).model_copy(update={"inference_options": options})


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], Choice()),
        ([chosen()], Choice()),
        ([chosen("gpt-6-luna", "balances")], Choice("gpt-6-luna", "balances")),
        ([chosen("gpt-0", "rm_rf")], Choice()),
        ([chosen("gpt-6-luna", "balances"), answer("a"), chosen(item_id="m2")], Choice()),
        ([chosen("gpt-6-luna", "balances"), note("n")], Choice("gpt-6-luna")),
        ([answer("a")], Choice()),
    ],
    ids=["empty", "nothing chosen", "both", "not allowed", "newest counts", "tool once", "no message"],
)
def test_choice(items: list[ThreadItem], expected: Choice) -> None:
    assert Choice.of(items, MODELS) == expected
