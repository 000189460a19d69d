"""The text of an answer in a terminal, as it streams: every text once, whether or not it came in deltas.

text = AnswerText()
text.of(event)              # the text that this event adds; "" for other events
flow = Flow(console)
flow.write("Hello wor"); flow.write("ld"); flow.end()     # whole words, wrapped at the terminal's width
"""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from tools.client.chatkit import Event


class AnswerText:
    """The texts of assistant messages, by item and part, that were shown."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[int, str]] = {}

    def of(self, event: Event) -> str:
        """Return the text to print for an event. A text that differs from the shown one is printed anew."""
        match event:
            case {"type": "thread.item.added" | "thread.item.done" | "thread.item.replaced", "item": item}:
                return self._of_item(item) if item.get("type") == "assistant_message" else ""
            case {"type": "thread.item.updated", "item_id": item_id, "update": update}:
                return self._of_update(item_id, update)
            case _:
                return ""

    def _of_item(self, item: Event) -> str:
        parts = [str(part.get("text", "")) for part in item.get("content", [])]
        return "".join(self._whole(item["id"], index, text) for index, text in enumerate(parts))

    def _of_update(self, item_id: str, update: dict[str, Any]) -> str:
        index = update.get("content_index", 0)
        match update:
            case {"type": "assistant_message.content_part.text_delta", "delta": delta}:
                parts = self._shown.setdefault(item_id, {})
                parts[index] = parts.get(index, "") + delta
                return str(delta)
            case {"type": "assistant_message.content_part.added" | "assistant_message.content_part.done"}:
                return self._whole(item_id, index, str(update.get("content", {}).get("text", "")))
            case _:
                return ""

    def _whole(self, item_id: str, index: int, text: str) -> str:
        parts = self._shown.setdefault(item_id, {})
        before = parts.get(index, "")
        if not text:  # deltas of an item that is done without its text
            return ""
        parts[index] = text
        if text.startswith(before):
            return text[len(before) :]
        return f"\n{text}"


class Flow:
    """Words of a streamed text, each printed when it is complete, on a new line if the current one is full."""

    def __init__(self, console: Console, column: int = 0) -> None:
        self._console = console
        self._column = column
        self._word = ""

    def write(self, text: str) -> None:
        """Print the complete words of the text so far."""
        *complete, self._word = re.split(r"(\s)", self._word + text)
        for piece in complete:
            self._put(piece)

    def end(self) -> None:
        """Print the last word."""
        self._put(self._word)
        self._word = ""

    def _put(self, piece: str) -> None:
        if not piece:
            return
        if piece == "\n":
            self._column = 0
        elif self._console.is_terminal:
            width = cell_len(piece)
            if self._column and self._column + width > self._console.width - 1:
                self._print("\n")
                self._column = 0
                if piece.isspace():
                    return
            self._column += width
        self._print(piece)

    def _print(self, text: str) -> None:
        self._console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
