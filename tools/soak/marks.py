"""Texts of users. Each contains its user's mark, which the model repeats, so that foreign data is detected anywhere.

mark = new_mark(17)                          # "u017x9f3a2c41"
question(mark, 4, words=12)                  # "repeat: u017x9f3a2c41 t4 apple river …"
strangers(b"… u018x00000000 …", mark)        # {"u018x00000000"}
"""

from __future__ import annotations

import random
import re

MARK = re.compile(rb"u\d{3}x[0-9a-f]{8}")
LONGEST_MARK = 13
TURN = re.compile(r"^(u\d{3}x[0-9a-f]{8}) t(\d+)\b")
REPEAT = "repeat: "
WORDS = (
    *("apple", "river", "stone", "cloud", "lamp", "paper", "green", "seven"),
    *("north", "candle", "ocean", "bread", "winter", "copper", "violin", "garden"),
)


def new_mark(number: int) -> str:
    """Return the mark of user `number` in this run."""
    return f"u{number:03}x{random.getrandbits(32):08x}"


def question(mark: str, turn: int, words: int) -> str:
    """Return a message that the local model answers by repeating it."""
    return f"{REPEAT}{mark} t{turn} " + " ".join(random.choices(WORDS, k=words)) + f" {mark}."


def answer_to(text: str) -> str:
    """Return the model's answer to a question."""
    return text.removeprefix(REPEAT)


def turn_of(answer: str) -> int | None:
    """Return the number of the turn that a text answers, if the text is long enough to contain it."""
    found = TURN.match(answer)
    return int(found[2]) if found else None


def strangers(data: bytes, mark: str) -> set[str]:
    """Return the marks of other users in `data`."""
    return {found.decode() for found in MARK.findall(data)} - {mark}
