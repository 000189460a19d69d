"""The oracle of `make soak` names each kind of fault in a stored conversation."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from chat_api.chatkit_run import INTERRUPTED
from tools.soak.ledger import Answer, Conversation, End, Life, Turn
from tools.soak.marks import question, strangers
from tools.soak.oracle import NOTE, Item, judge, judge_list, kept, text_of
from tools.soak.wire import WatchedStream

ANA, BOB = "u001x0000aaaa", "u002x0000bbbb"


def message(item_id: str, text: str, kind: str = "user_message") -> Item:
    return {"id": item_id, "type": kind, "content": [{"type": "input_text", "text": text}], "attachments": []}


def answer(item_id: str, text: str) -> Item:
    return message(item_id, text, "assistant_message")


def answered(number: int) -> Turn:
    """Return a turn whose message and answer were streamed completely."""
    turn = Turn(number, question(ANA, number, 5), question_id=f"q{number}")
    turn.answers.append(Answer(f"a{number}", turn.full, turn.full, End.ANSWERED, confirmed=True))
    return turn


def items_of(turns: Sequence[Turn]) -> list[Item]:
    pairs = ((message(f"q{each.number}", each.question), answer(f"a{each.number}", each.full)) for each in turns)
    return [item for pair in pairs for item in pair]


@pytest.fixture
def conversation() -> Conversation:
    return Conversation("thr_1", Life.THERE, [answered(number) for number in (1, 2, 3)])


@pytest.fixture
def items(conversation: Conversation) -> list[Item]:
    return items_of(conversation.turns)


def kinds(conversation: Conversation, items: Sequence[Item]) -> list[tuple[str, str | None]]:
    found = judge(ANA, conversation, items)
    assert all(each.user == ANA and each.thread_id == "thr_1" for each in found)
    return [(each.kind, each.item_id) for each in found]


class TestWholeConversation:
    def test_what_was_seen_is_right(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, items) == []

    @pytest.mark.parametrize("place", range(6))
    def test_lost_item(self, conversation: Conversation, items: list[Item], place: int) -> None:
        lost = items.pop(place)

        assert kinds(conversation, items) == [("lost", lost["id"])]

    def test_item_twice_under_one_id(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [*items, items[1]]) == [("doubled", "a1")]

    def test_item_twice_under_two_ids(self, conversation: Conversation, items: list[Item]) -> None:
        again = answer("a9", conversation.turns[2].full)

        assert kinds(conversation, [*items, again]) == [("doubled", "a9")]

    def test_message_twice_under_two_ids(self, conversation: Conversation, items: list[Item]) -> None:
        again = message("q9", conversation.turns[2].question)

        assert kinds(conversation, [*items[:5], again, items[5]]) == [("doubled", "q9")]

    def test_item_of_another_user(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [*items, answer("a4", f"{BOB} t4 stone")]) == [("foreign", "a4")]

    def test_words_of_another_user_in_ones_own_item(self, conversation: Conversation, items: list[Item]) -> None:
        items[5]["content"][0]["text"] += f" {BOB}"

        assert ("foreign", "a3") in kinds(conversation, items)

    def test_changed_words(self, conversation: Conversation, items: list[Item]) -> None:
        items[3]["content"][0]["text"] = items[3]["content"][0]["text"][:-1]

        assert kinds(conversation, items) == [("changed", "a2")]

    def test_changed_message(self, conversation: Conversation, items: list[Item]) -> None:
        items[2]["content"][0]["text"] += "!"

        assert kinds(conversation, items) == [("changed", "q2")]

    def test_changed_id(self, conversation: Conversation, items: list[Item]) -> None:
        items[3]["id"] = "a7"

        assert kinds(conversation, items) == [("changed", "a7")]

    def test_changed_files(self, conversation: Conversation, items: list[Item]) -> None:
        items[0]["attachments"] = [{"id": "atc_1"}]

        assert kinds(conversation, items) == [("changed", "q1")]

    def test_reordered_turns(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [*items[2:4], *items[:2], *items[4:]]) == [("reordered", "q1")]

    def test_answer_before_its_message(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [items[1], items[0], *items[2:]]) == [("reordered", "q1")]

    def test_item_that_nobody_saw(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [*items, answer("a4", "hello")]) == [("unknown", "a4")]

    def test_item_of_a_kind_that_nobody_saw(self, conversation: Conversation, items: list[Item]) -> None:
        assert kinds(conversation, [*items, {"id": "w1", "type": "widget"}]) == [("unknown", "w1")]


SEEN = f"{ANA} t1 apple "
FULL = f"{ANA} t1 apple river stone."
NOTHING, LOST, CHANGED, RETURNED = [], ["lost"], ["changed"], ["returned"]


@pytest.mark.parametrize(
    ("end", "seen", "stored", "found"),
    [
        (End.STOPPED, SEEN, SEEN, NOTHING),
        (End.STOPPED, SEEN, FULL, CHANGED),
        (End.STOPPED, SEEN, SEEN[:-6], CHANGED),
        (End.STOPPED, SEEN, None, LOST),
        (End.STOPPED, "", None, NOTHING),
        (End.DEADLINE, SEEN, SEEN, NOTHING),
        (End.DEADLINE, SEEN, None, LOST),
        (End.FAILED, SEEN, None, NOTHING),
        (End.FAILED, SEEN, SEEN, NOTHING),
        (End.FAILED, SEEN, FULL, CHANGED),
        (End.CUT, SEEN, None, NOTHING),
        (End.CUT, SEEN, FULL, NOTHING),
        (End.CUT, SEEN, SEEN[:-6], NOTHING),
        (End.CUT, SEEN, f"{ANA} t1 apple cloud", CHANGED),
        (End.LEFT, SEEN, FULL, NOTHING),
        (End.LEFT, SEEN, SEEN, CHANGED),
        (End.LEFT, SEEN, None, LOST),
        (End.LOST, "", None, NOTHING),
        (End.LOST, "", FULL, NOTHING),
        (End.REPEATED, "", FULL, NOTHING),
        (End.UNAVAILABLE, "", None, NOTHING),
        (End.UNAVAILABLE, "", FULL, RETURNED),
        (End.REFUSED, "", FULL, RETURNED),
    ],
)
def test_interrupted_answer(end: End, seen: str, stored: str | None, found: list[str]) -> None:
    """The end of a turn determines the permitted stored text of its answer."""
    refused = end in (End.UNAVAILABLE, End.REFUSED)
    turn = Turn(1, f"repeat: {FULL}", question_id=None if refused else "q1")
    turn.answers.append(Answer("a1" if seen else None, seen, None, end, confirmed=bool(seen)))
    items = [] if refused else [message("q1", turn.question)]
    items += [answer("a1", stored)] if stored is not None else []

    assert [each.kind for each in judge(ANA, Conversation("thr_1", turns=[turn]), items)] == found


@pytest.mark.parametrize(
    ("stored", "found"),
    [(SEEN, NOTHING), (FULL, NOTHING), (SEEN[:-3], NOTHING), (SEEN[:-6], CHANGED), (None, LOST)],
)
def test_a_dead_process_takes_only_its_last_words_with_it(stored: str | None, found: list[str]) -> None:
    turn = Turn(1, f"repeat: {FULL}", question_id="q1")
    turn.answers.append(Answer("a1", SEEN, None, End.CUT, safe=SEEN[:-4], confirmed=True))
    items = [message("q1", turn.question)] + ([answer("a1", stored)] if stored is not None else [])

    assert [each.kind for each in judge(ANA, Conversation("thr_1", turns=[turn]), items)] == found


@pytest.mark.parametrize(
    ("end", "also_seen", "found"),
    [
        (End.ANSWERED, FULL, NOTHING),
        (End.ANSWERED, SEEN, NOTHING),
        (End.ANSWERED, f"{FULL} more", CHANGED),
        (End.CUT, f"{FULL} more", NOTHING),
        (End.CUT, f"{SEEN} other", CHANGED),
    ],
)
def test_every_reader_of_a_turn_saw_the_stored_text(end: End, also_seen: str, found: list[str]) -> None:
    turn = Turn(1, f"repeat: {FULL}", question_id="q1")
    final = FULL if end is End.ANSWERED else None
    turn.answers.append(Answer("a1", FULL, final, end, also_seen=[also_seen], confirmed=True))
    items = [message("q1", turn.question), answer("a1", FULL)]

    assert [each.kind for each in judge(ANA, Conversation("thr_1", turns=[turn]), items)] == found


def test_refused_message_may_not_come_back() -> None:
    turn = Turn(1, f"repeat: {FULL}", answers=[Answer(end=End.UNAVAILABLE)])

    (violation,) = judge(ANA, Conversation("thr_1", turns=[turn]), [message("q1", turn.question)])

    assert violation.kind == "returned"


class TestRetry:
    @pytest.fixture
    def retried(self) -> Turn:
        turn = answered(1)
        turn.answers.append(Answer("a9", turn.full, turn.full, End.ANSWERED, confirmed=True))
        return turn

    def test_new_answer_stands(self, retried: Turn) -> None:
        items = [message("q1", retried.question), answer("a9", retried.full)]

        assert kinds(Conversation("thr_1", turns=[retried]), items) == []

    def test_old_answer_may_not_stay(self, retried: Turn) -> None:
        items = [message("q1", retried.question), answer("a1", retried.full)]

        assert kinds(Conversation("thr_1", turns=[retried]), items) == [("changed", "a1")]

    def test_both_answers_are_one_too_many(self, retried: Turn) -> None:
        items = [message("q1", retried.question), answer("a9", retried.full), answer("a1", retried.full)]

        assert kinds(Conversation("thr_1", turns=[retried]), items) == [("doubled", "a1")]

    def test_refused_retry_leaves_the_old_answer(self) -> None:
        turn = answered(1)
        turn.answers.append(Answer(end=End.UNAVAILABLE))

        assert kinds(Conversation("thr_1", turns=[turn]), [message("q1", turn.question)]) == [("lost", "a1")]


class TestList:
    def found(self, *conversations: Conversation, listed: Sequence[Item]) -> list[str]:
        return [each.kind for each in judge_list(ANA, conversations, listed)]

    def test_threads_that_are_there(self) -> None:
        one, deleted = Conversation("thr_1", Life.THERE), Conversation("thr_2", Life.DELETED)

        assert self.found(one, deleted, listed=[{"id": "thr_1", "title": "Apples"}]) == []

    def test_deleted_thread_may_not_return(self) -> None:
        assert self.found(Conversation("thr_1", Life.DELETED), listed=[{"id": "thr_1"}]) == ["returned"]

    def test_lost_thread(self) -> None:
        assert self.found(Conversation("thr_1", Life.THERE), listed=[]) == ["lost"]

    def test_thread_twice(self) -> None:
        assert self.found(Conversation("thr_1", Life.THERE), listed=[{"id": "thr_1"}] * 2) == ["doubled"]

    def test_renamed_thread_keeps_its_name(self) -> None:
        renamed = Conversation("thr_1", Life.THERE, titles={"Mine"})

        assert self.found(renamed, listed=[{"id": "thr_1", "title": "Automatic"}]) == ["changed"]

    def test_title_of_another_user(self) -> None:
        assert self.found(Conversation("thr_1", Life.THERE), listed=[{"id": "thr_1", "title": BOB}]) == ["foreign"]

    def test_thread_that_nobody_made(self) -> None:
        assert self.found(listed=[{"id": "thr_1"}]) == ["unknown"]

    def test_thread_whose_making_nobody_saw(self) -> None:
        assert self.found(Conversation(None, Life.UNSURE), listed=[{"id": "thr_1"}]) == []


class TestMarks:
    async def test_mark_across_two_chunks_is_found(self) -> None:
        class Body(httpx.AsyncByteStream):
            async def __aiter__(self):  # type: ignore[no-untyped-def]
                for chunk in (b"data: u002x00", b"00bbbb", b" and u001x0000aaaa\n\n"):
                    yield chunk

        found: list[set[str]] = []
        taken = b"".join([chunk async for chunk in WatchedStream(Body(), ANA, found.append)])

        assert taken == b"data: u002x0000bbbb and u001x0000aaaa\n\n"
        assert set().union(*found) == {BOB}

    def test_own_mark_is_no_stranger(self) -> None:
        assert strangers(f"{ANA} {BOB}".encode(), ANA) == {BOB}


def test_what_is_kept_of_a_turn(conversation: Conversation, items: list[Item]) -> None:
    turn = conversation.turns[1]
    part = answer("a2", turn.full[:-10])

    assert kept(turn, items) == "message and answer"
    assert kept(turn, [items[2], part]) == "message and part of the answer"
    assert kept(turn, [items[2]]) == "message"
    assert kept(turn, items[:2]) == "nothing"


def test_the_note_behind_an_interrupted_answer_is_the_products() -> None:
    assert NOTE.strip() == f"*{INTERRUPTED}*"
    assert text_of({"content": [{"text": "so far"}, {"text": NOTE}]}) == "so far"
