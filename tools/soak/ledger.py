"""A user's view of its conversations, which the oracle compares with the store. No I/O.

conversation = Conversation(thread_id="thr_1")
turn = conversation.ask(1, "repeat: u001… t1 …")
turn.answers.append(Answer(item_id="msg_2", seen="u001… t1 …", end=End.STOPPED))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tools.soak.marks import answer_to


class End(Enum):
    """End of a turn from the client's point of view."""

    RUNNING = "running"
    ANSWERED = "answered"
    STOPPED = "stopped by the user"
    DEADLINE = "deadline, retry offered"
    FAILED = "error event, retry offered"
    CUT = "process died"
    TAKEN = "taken over"
    LEFT = "client disconnected"
    REPEATED = "409 with the thread's id"
    REFUSED = "refused (4xx)"
    UNAVAILABLE = "503 after retries"
    LOST = "502 after retries"
    BUSY = "429 of Lambda after retries"


NOTHING_BEGAN = {End.REFUSED, End.UNAVAILABLE, End.BUSY}
"""Ends of requests that the server refused before it stored anything."""


@dataclass
class Answer:
    """One attempt at an answer."""

    item_id: str | None = None
    seen: str = ""
    final: str | None = None
    """The text of the finished item, if it arrived."""
    end: End = End.RUNNING
    safe: str = ""
    """The text of a cut answer that was old enough to survive its process."""
    also_seen: list[str] = field(default_factory=list[str])
    """The texts that other readers of the same turn saw."""
    confirmed: bool = False
    """Whether the stream contained an event, which proves that the request took effect."""
    undisturbed: bool = True
    """Whether no fault was active meanwhile, so that the answer must be complete."""


@dataclass
class Turn:
    """One message and the attempts to answer it. A retry replaces the previous attempt."""

    number: int
    question: str
    attachments: tuple[str, ...] = ()
    question_id: str | None = None
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def full(self) -> str:
        """The model's whole answer, up to its remark about files."""
        return answer_to(self.question)

    @property
    def standing(self) -> list[Answer]:
        """The attempts of which one may be stored: the last, and the previous one while the last is unconfirmed."""
        begun = [each for each in self.answers if each.end not in NOTHING_BEGAN]
        if len(begun) > 1 and not begun[-1].confirmed:
            return begun[-2:]
        return begun[-1:]


class Life(Enum):
    """Knowledge of a thread's existence."""

    UNSURE = "possibly exists"
    THERE = "exists"
    DELETING = "possibly deleted"
    DELETED = "deleted"


@dataclass
class Conversation:
    """One thread; its id is None until a response contains it."""

    thread_id: str | None = None
    life: Life = Life.UNSURE
    turns: list[Turn] = field(default_factory=list[Turn])
    titles: set[str] = field(default_factory=set[str])
    """The possible titles; empty while the assistant chooses the title."""
    rests_until: float = 0.0
    """The user disconnected during an answer and does not use the thread until this time (event loop's clock)."""

    def ask(self, number: int, question: str, attachments: tuple[str, ...] = ()) -> Turn:
        turn = Turn(number, question, attachments)
        self.turns.append(turn)
        return turn
