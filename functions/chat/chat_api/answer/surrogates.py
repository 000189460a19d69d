"""Characters that a model splits into two events: JSON in UTF-8 cannot hold half a character.

text = Surrogates()                      # one per turn
yield text.repair(event)
"""

from __future__ import annotations

import re
from typing import Any, cast

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetStreamingTextValueDelta,
)

SURROGATE = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
"""A surrogate in a model's `repr`, which escapes it; text with a backslash only costs a needless repair."""


class Surrogates:
    """Joins characters that an assistant has split into two events, and replaces halves without a partner by U+FFFD.

    A model's tokens may end within an emoji. UTF-8 cannot hold half a character, so such an event would end the turn.
    """

    def __init__(self) -> None:
        self._halves: dict[tuple[str, int | str], str] = {}

    def repair(self, event: ThreadStreamEvent) -> ThreadStreamEvent:
        """Return the event without lone surrogates; the first half of a character waits for the next delta."""
        match event:
            case ThreadItemUpdatedEvent(
                update=AssistantMessageContentPartTextDelta(content_index=index, delta=delta) as update
            ):
                delta = self._join((event.item_id, index), delta)
                return event if delta is None else event.model_copy(update={"update": _with_delta(update, delta)})
            case ThreadItemUpdatedEvent(update=WidgetStreamingTextValueDelta(component_id=name, delta=delta) as update):
                delta = self._join((event.item_id, name), delta)
                return event if delta is None else event.model_copy(update={"update": _with_delta(update, delta)})
            case _ if SURROGATE.search(repr(event)) is None:
                return event
            case _:
                return type(event).model_validate(_whole_in(event.model_dump()))

    def _join(self, place: tuple[str, int | str], delta: str) -> str | None:
        """Return the text of a delta with whole characters; None if it is the same."""
        half = self._halves.pop(place, "")
        if not half and delta.isascii():
            return None
        text = half + delta
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[place], text = text[-1], text[:-1]
        return whole(text)


def _with_delta(update: Any, delta: str) -> Any:
    return update.model_copy(update={"delta": delta})


def whole(text: str) -> str:
    """Return `text` with surrogate pairs joined and lone surrogates replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole_in(value: Any) -> Any:
    match value:
        case str():
            return whole(value)
        case dict():
            return {_whole_in(key): _whole_in(each) for key, each in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [_whole_in(each) for each in cast("list[Any]", value)]
        case _:
            return value
