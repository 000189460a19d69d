"""Takeover of a dead turn: stores its answer so far, marks it as interrupted, and frees its thread.

    takeover = Takeover(store, message_files, moderator)
    await takeover.of(turn, context)        # None: the turn lives, or its lock is gone

Theory. Any request that finds a dead turn's lock takes the turn over, several at the same time if need be. Each step
is one conditional write that the next taker finds done, so a taker may die anywhere, and another one goes on:

    condemn   the lock is marked: the turn's process can neither renew nor free it
    fence     the thread accepts no more items from the turn
    seal      an end segment takes the journal's next free place, so that nothing follows it
    add       unfinished items are stored under the ids that readers know; an item that exists stays as it is
    note      a hidden item behind the answer says that it was interrupted, or stopped by the user
    release   the files of a message that was not stored become free
    close     the thread accepts no more items from takers of this turn: a slow one cannot undo the next turn
    end       the lock is deleted

A turn that wrote its own end segment has stored everything, so there is nothing to mark. With moderation, the
journal has no text of unfinished messages (`producer`); one that it has nevertheless is stored only if it is allowed
now, as when a turn is stopped. This module does not import the Agents SDK, because `threads.get_by_id` is answered
without it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chatkit.store import NotFoundError
from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    SDKHiddenContextItem,
    ThreadItem,
    UserMessageItem,
)

from attachments_s3 import MessageFiles
from chat_api.answer.drafts import INTERRUPTED, STOPPED_NOTE, at_rest, interrupted, is_kept
from chat_api.assistant import SupportsModeration
from chat_api.attach.entries import load
from chat_api.attach.fold import fold, item_of
from chat_api.context import RequestContext
from chat_api.errors import UnavailableError
from chat_api.moderation import answer_statement, moderate
from languages import translate
from store_dynamo import DynamoStore
from store_dynamo.errors import CorruptRecordError, DuplicateItemError, FencedError, UnknownSchemaError
from store_dynamo.journal import TAKEN, Segment
from store_dynamo.keys import microseconds, next_ns
from store_dynamo.running import RunningTurn

logger = logging.getLogger("chat_api.takeover")

INTERRUPTED_NOTE = "The answer above was interrupted before its end. Do not continue it unless the user asks for it."
NOTE_ID = "shcx_"
MAX_SEALS = 10
"""Attempts to seal a journal: each fails only if the turn has written one more segment meanwhile."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A turn that was taken over."""

    turn_id: str
    unsent: bool
    """Whether its message was not stored, so that it may be sent again."""


class Takeover:
    """Takes dead turns over, on behalf of any request of their user."""

    def __init__(
        self,
        store: DynamoStore[RequestContext],
        files: MessageFiles[RequestContext],
        moderator: SupportsModeration | None = None,
    ) -> None:
        self._store = store
        self._files = files
        self._moderator = moderator

    async def of(self, turn: RunningTurn, context: RequestContext) -> Taken | None:
        """Take a turn over if it is dead, and free its thread. Returns None if it lives, or if its lock is gone.

        Raises StoreError; the lock then stays, and the next request goes on.
        """
        if not await self._store.running.condemn(turn, context):
            return None
        unsent = False
        with suppress(FencedError, NotFoundError):  # another taker has finished, or the user deleted the thread
            unsent = await self._restore(turn, context)
        if unsent:
            await self._store.turns.mark_unsent(turn.turn_id, context)
        await self._files.free(turn.files, turn.turn_id, context)
        await self._store.fence(turn.thread_id, taker_of(turn), context)
        await self._store.running.end(turn.thread_id, turn.claim, context, taken=True)
        logger.warning("a dead turn was taken over", extra={"thread_id": turn.thread_id, "dead_turn_id": turn.turn_id})
        return Taken(turn.turn_id, unsent)

    async def _restore(self, turn: RunningTurn, context: RequestContext) -> bool:
        """Store what the turn left unfinished, and return whether its message was not stored."""
        if not await self._store.fence(turn.thread_id, turn.claim, context):
            return True
        segments = await self._sealed(turn, context)
        record = await self._store.turns.find(turn.turn_id, context)
        cancelled = record is not None and record.cancelled
        added = 0
        for item in unfinished(segments):
            if await self._may_store(item, context):
                kept = at_rest(item) if cancelled else interrupted(item, translate(INTERRUPTED, context.locale))
                added += await self._add(turn, kept, context)
        if segments and segments[-1].is_own_end and not added:
            return False
        return not await self._note(turn, segments, STOPPED_NOTE if cancelled else INTERRUPTED_NOTE, context)

    async def _sealed(self, turn: RunningTurn, context: RequestContext) -> Sequence[Segment]:
        """Return the turn's segments, after which none can follow.

        Segments that are over an hour old cannot be read, but keep their places.
        """
        journal, segments = self._store.journal, list[Segment]()
        for _ in range(MAX_SEALS):
            try:
                segments = await journal.read(turn.thread_id, turn.turn_id, context)
            except (CorruptRecordError, UnknownSchemaError):
                logger.exception("a journal cannot be read; its text is lost")
                break
            if segments and segments[-1].end:
                break
            seal = Segment(segments[-1].next if segments else 0, 0, "[]", taker_of(turn), TAKEN)
            if await journal.append(turn.thread_id, turn.turn_id, seal, context):
                break
        return segments

    async def _add(self, turn: RunningTurn, item: ThreadItem, context: RequestContext) -> bool:
        """Add an item, and return whether it is new: if the turn was faster, what it stored stays."""
        store = self._store.fenced(taker_of(turn))
        try:
            await store.load_item(turn.thread_id, item.id, context)  # adding a workflow would replace it
        except NotFoundError:
            with suppress(DuplicateItemError):
                await store.add_thread_item(turn.thread_id, item, context)
                return True
        return False

    async def _note(
        self, turn: RunningTurn, segments: Sequence[Segment], content: str, context: RequestContext
    ) -> bool:
        """Add the hidden note behind the answer, if anything waits for one; return whether the message was stored."""
        note_id = NOTE_ID + turn.turn_id
        page = await self._store.load_thread_items(turn.thread_id, None, 2, "desc", context)
        newest = next((item for item in page.data if item.id != note_id), None)
        if newest is None:
            return False
        sent = any(segment.count for segment in segments) or _is_of(newest, turn)
        if sent or _waits(newest):
            note = SDKHiddenContextItem(
                id=note_id,
                thread_id=turn.thread_id,
                created_at=newest.created_at + timedelta(microseconds=1),
                content=content,
            )
            with suppress(DuplicateItemError):
                await self._store.fenced(taker_of(turn)).add_thread_item(turn.thread_id, note, context)
        return sent

    async def _may_store(self, item: ThreadItem, context: RequestContext) -> bool:
        if self._moderator is None or not isinstance(item, AssistantMessageItem):
            return True
        try:
            return await moderate(self._moderator, answer_statement(item), context) is None
        except UnavailableError:
            logger.warning("an interrupted answer was not stored, because it could not be checked")
            return False


def new_claim() -> str:
    """Return a random claim of a turn's lock, which begins with the time: 16 hex digits of nanoseconds."""
    return f"{next_ns():016x}{secrets.token_hex(8)}"


def taker_of(turn: RunningTurn) -> str:
    """Return the claim that all takers of a turn write under."""
    return f"{TAKEN}_{turn.claim}"


def interrupted_turn(newest: ThreadItem | None) -> str | None:
    """Return the id of a thread's interrupted turn, given its newest item: until the next turn, that is the note."""
    if isinstance(newest, SDKHiddenContextItem) and newest.content == INTERRUPTED_NOTE:
        return newest.id.removeprefix(NOTE_ID)
    return None


def unfinished(segments: Iterable[Segment]) -> list[ThreadItem]:
    """Return the items that were shown in part, as they may be stored. One that cannot be read is logged and left."""
    items = list[ThreadItem]()
    try:
        folded = fold([entry for segment in segments for entry in load(segment.body)])
        for wire in folded.open:
            items.append(item_of(wire))
    except (ValueError, LookupError, TypeError):
        logger.exception("a journal cannot be read; the text behind this place is lost")
    return [item for item in items if is_kept(item)]


def _is_of(item: ThreadItem, turn: RunningTurn) -> bool:
    """Return whether an item was made after the turn's lock; True for a claim without a time."""
    try:
        begun = datetime.fromtimestamp(int(turn.claim[:16], 16) / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return True
    return microseconds(item.created_at) >= microseconds(begun)


def _waits(item: ThreadItem) -> bool:
    """Return whether an item waits for an answer."""
    return isinstance(item, UserMessageItem) or (isinstance(item, ClientToolCallItem) and item.status == "completed")
