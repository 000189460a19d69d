"""The oracle: compares a stored conversation with its user's ledger. Pure functions over ledger and items.

    for violation in judge("u001…", conversation, items):
        violation.kind, violation.thread_id, violation.item_id

Each message and answer that a stream showed completely must be stored once, with the same id and text. An interrupted
answer may be stored in part: exactly the seen text, or a beginning of the answer if its process died. The text that
every other reader of the turn saw must be a beginning of the stored one. Other items and data of other users are
violations, and the items must be in the order of the turns.

| end of the answer | stored text |
|---|---|
| answered | the whole answer, as seen |
| stopped, deadline | the seen text; nothing if that is empty |
| error event | nothing, or the seen text |
| process died | a prefix of the answer with every word that was seen longer ago than the journal's interval |
| taken over | exactly the text that was stored then: the turn's own process writes nothing when it wakes up |
| no or unknown response | nothing, or a prefix of the answer |
| client disconnected | the whole answer if no fault was active; otherwise as for a cut |
| refused | nothing |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tools.soak.ledger import NOTHING_BEGAN, Answer, Conversation, End, Life, Turn
from tools.soak.marks import strangers, turn_of

Item = dict[str, Any]
MESSAGES = ("user_message", "assistant_message")
NOTE = "\n\n*The answer was interrupted here.*"
"""`chat_api.answer` adds it to the text so far."""


@dataclass(frozen=True)
class Violation:
    """One broken promise: `kind` is lost, doubled, foreign, reordered, changed, unknown, returned or refused."""

    kind: str
    user: str
    thread_id: str | None
    item_id: str | None
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: user {self.user}, thread {self.thread_id}, item {self.item_id}: {self.detail}"


@dataclass(frozen=True)
class _Place:
    """Place of a stored item: index of its turn in the conversation, and 0 for the message or 1 for the answer."""

    turn: int
    side: int


def judge(mark: str, conversation: Conversation, items: Sequence[Item]) -> list[Violation]:
    """Compare the stored items of a thread, oldest first, with its user's ledger."""
    report = _Report(mark, conversation.thread_id)
    places: list[_Place] = []
    seen_ids: set[str] = set()
    for item in items:
        if found := strangers(json.dumps(item).encode(), mark):
            report("foreign", item["id"], f"contains text of {', '.join(sorted(found))}")
            continue
        if item["id"] in seen_ids:
            report("doubled", item["id"], "appears twice under one id")
            continue
        seen_ids.add(item["id"])
        if item["type"] not in MESSAGES:
            report("unknown", item["id"], f"is a {item['type']}, which no stream contained")
            continue
        place = _place(conversation.turns, item)
        if place is None:
            report("unknown", item["id"], f"belongs to no turn: {text_of(item)[:60]!r}")
        elif place in places:
            report("doubled", item["id"], f"turn {conversation.turns[place.turn].number} has two of these")
        else:
            if places and (place.turn, place.side) < (places[-1].turn, places[-1].side):
                report("reordered", item["id"], f"is stored after turn {conversation.turns[places[-1].turn].number}")
            places.append(place)
            _compare(report, conversation.turns[place.turn], place.side, item)
    _missing(report, conversation.turns, places)
    return report.violations


def judge_list(mark: str, conversations: Iterable[Conversation], listed: Sequence[Item]) -> list[Violation]:
    """Compare the list of a user's threads with the threads that the user created and deleted."""
    report = _Report(mark, None)
    ids = [thread["id"] for thread in listed]
    known = {each.thread_id: each for each in conversations if each.thread_id}
    unsure = sum(each.thread_id is None and each.life is Life.UNSURE for each in conversations)
    for thread_id in {each for each in ids if ids.count(each) > 1}:
        report("doubled", thread_id, "is listed twice")
    for thread in listed:
        found = strangers(json.dumps(thread).encode(), mark)
        conversation = known.get(thread["id"])
        if found:
            report("foreign", thread["id"], f"contains text of {', '.join(sorted(found))}")
        elif conversation is None:
            unsure -= 1  # created by a request whose response was lost
            if unsure < 0:
                report("unknown", thread["id"], "is a thread that this user did not create")
        elif conversation.life is Life.DELETED:
            report("returned", thread["id"], "was deleted and is still listed")
        elif conversation.titles and thread.get("title") not in conversation.titles:
            report("changed", thread["id"], f"has the title {thread.get('title')!r}, not one of {conversation.titles}")
    for thread_id, conversation in known.items():
        if conversation.life is Life.THERE and thread_id not in ids:
            report("lost", thread_id, "is missing in the list of threads")
    return report.violations


class _Report:
    def __init__(self, mark: str, thread_id: str | None) -> None:
        self._mark, self._thread_id = mark, thread_id
        self.violations: list[Violation] = []

    def __call__(self, kind: str, item_id: str | None, detail: str) -> None:
        self.violations.append(Violation(kind, self._mark, self._thread_id or item_id, item_id, detail))


def text_of(item: Item) -> str:
    """Return a message's text, without the note behind an answer whose model failed."""
    return "".join(str(part.get("text", "")) for part in item.get("content", [])).removesuffix(NOTE)


def _place(turns: Sequence[Turn], item: Item) -> _Place | None:
    """Find the turn of an item by its id, or else by its text."""
    side = MESSAGES.index(item["type"])
    text = text_of(item)
    for index, turn in enumerate(turns):
        ids = {turn.question_id} if side == 0 else {answer.item_id for answer in turn.answers}
        if item["id"] in ids:
            return _Place(index, side)
    for index, turn in enumerate(turns):
        if text == turn.question if side == 0 else turn_of(text) == turn.number:
            return _Place(index, side)
    return None


def _compare(report: _Report, turn: Turn, side: int, item: Item) -> None:
    text = text_of(item)
    if side == 0:
        if turn.question_id is None and turn.answers and all(each.end in NOTHING_BEGAN for each in turn.answers):
            report("returned", item["id"], "was refused and is still stored")
        if text != turn.question:
            report("changed", item["id"], f"{text[:60]!r} was sent as {turn.question[:60]!r}")
        if turn.question_id not in (None, item["id"]):
            report("changed", item["id"], f"was shown as {turn.question_id}")
        attached = tuple(each["id"] for each in item.get("attachments", []))
        if attached != turn.attachments:
            report("changed", item["id"], f"has the files {attached}, not {turn.attachments}")
        return
    faults = [_fault(turn, answer, item["id"], text) for answer in turn.standing]
    if not faults:
        report("returned", item["id"], "answers a message that was refused")
    elif all(faults):
        report("changed", item["id"], str(faults[-1]))


def _fault(turn: Turn, answer: Answer, item_id: str, text: str) -> str | None:
    """Return the difference between a stored answer and this attempt, or None if they match."""
    if answer.item_id not in (None, item_id):
        return f"was shown as {answer.item_id}"
    if strange := [seen for seen in answer.also_seen if not _agree(text, seen, answer.end)]:
        return f"{text[-60:]!r} was seen as {strange[0][-60:]!r} by another reader"
    match answer.end:
        case End.ANSWERED:
            return None if text == answer.final else f"{text[-60:]!r} was seen as {(answer.final or '')[-60:]!r}"
        case End.STOPPED | End.DEADLINE | End.FAILED | End.TAKEN:
            return None if text == answer.seen else f"{text[-60:]!r} was seen as {answer.seen[-60:]!r}"
        case _:
            pass
    must = answer.safe if answer.end is End.CUT else answer.seen
    if not text.startswith(must):
        return f"{text[-60:]!r} does not contain the seen text {must[-60:]!r}"
    if not (turn.full.startswith(text) or text.startswith(turn.full)):
        return f"{text[-60:]!r} does not belong to the answer"
    if answer.end is End.LEFT and answer.undisturbed and not text.startswith(turn.full):
        return f"ends early, with {text[-60:]!r}"
    return None


def _agree(text: str, seen: str, end: End) -> bool:
    """Return whether a reader saw a beginning of the stored text; a dead process takes its last words with it."""
    return text.startswith(seen) or (end in (End.CUT, End.TAKEN) and seen.startswith(text))


def _missing(report: _Report, turns: Sequence[Turn], places: Sequence[_Place]) -> None:
    for index, turn in enumerate(turns):
        if turn.question_id and _Place(index, 0) not in places:
            report("lost", turn.question_id, f"the message of turn {turn.number}")
        standing = turn.standing
        if len(standing) == 1 and _must_be_there(standing[0]) and _Place(index, 1) not in places:
            report("lost", standing[0].item_id, f"the answer of turn {turn.number}, {standing[0].end.value}")


def _must_be_there(answer: Answer) -> bool:
    match answer.end:
        case End.ANSWERED:
            return True
        case End.STOPPED | End.DEADLINE | End.TAKEN:
            return bool(answer.seen.strip())
        case End.LEFT:
            return answer.undisturbed and answer.confirmed
        case End.CUT:
            return bool(answer.safe.strip())
        case _:
            return False


def kept(turn: Turn, items: Sequence[Item]) -> str:
    """Return the stored part of a turn in the report's words."""
    own = {place.side: item for item in items if (place := _place([turn], item)) and item["type"] in MESSAGES}
    if 0 not in own:
        return "nothing" if 1 not in own else "an answer without its message"
    if 1 not in own:
        return "message"
    return "message and answer" if text_of(own[1]).startswith(turn.full) else "message and part of the answer"
