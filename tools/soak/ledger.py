"""What a user saw of its conversations: the ledger that the oracle compares the store with. No I/O.

conversation = Conversation(thread_id="thr_1")
turn = conversation.ask(1, "repeat: u001… t1 …")
turn.answers.append(Answer(item_id="msg_2", seen="u001… t1 …", end=End.STOPPED))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tools.soak.marks import answer_to


class End(Enum):
    """How a turn ended, as its client saw it."""

    RUNNING = "running"
    ANSWERED = "answered"
    STOPPED = "stopped by the user"
    DEADLINE = "out of time, retry offered"
    FAILED = "error event, retry offered"
    CUT = "stream cut"
    LEFT = "client left"
    REPEATED = "409, thread named"
    REFUSED = "refused (4xx)"
    UNAVAILABLE = "503 after retries"
    LOST = "502 after retries"
    BUSY = "429 of Lambda after retries"


NOTHING_BEGAN = {End.REFUSED, End.UNAVAILABLE, End.BUSY}
"""The server said that the request was refused before anything was stored."""


@dataclass
class Answer:
    """One attempt at an answer."""

    item_id: str | None = None
    seen: str = ""
    final: str | None = None
    """The text of the finished item, when it came."""
    end: End = End.RUNNING
    confirmed: bool = False
    """Whether the stream told anything: the request had its effect then."""
    undisturbed: bool = True
    """Whether nothing was broken on purpose meanwhile, so that it must have come to its end."""


@dataclass
class Turn:
    """One message and the attempts to answer it; a retry removes the attempt before."""

    number: int
    question: str
    attachments: tuple[str, ...] = ()
    question_id: str | None = None
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def full(self) -> str:
        """What the model says, up to its remark about files."""
        return answer_to(self.question)

    @property
    def standing(self) -> list[Answer]:
        """The attempts of which one may be stored: the last that began, and the one before while that is not sure."""
        begun = [each for each in self.answers if each.end not in NOTHING_BEGAN]
        if len(begun) > 1 and not begun[-1].confirmed:
            return begun[-2:]
        return begun[-1:]


class Life(Enum):
    """What is known of a thread."""

    UNSURE = "perhaps there"
    THERE = "there"
    DELETING = "perhaps deleted"
    DELETED = "deleted"


@dataclass
class Conversation:
    """One thread; its id is None while no answer told it."""

    thread_id: str | None = None
    life: Life = Life.UNSURE
    turns: list[Turn] = field(default_factory=list[Turn])
    titles: set[str] = field(default_factory=set[str])
    """The titles it may have; empty while the assistant may choose."""
    rests_until: float = 0.0
    """Its user left it while an answer was made and lets it be until then (event loop's clock)."""

    def ask(self, number: int, question: str, attachments: tuple[str, ...] = ()) -> Turn:
        turn = Turn(number, question, attachments)
        self.turns.append(turn)
        return turn
