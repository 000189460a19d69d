"""The contract of journals, locks and fences on a DynamoDB server: lost answers, cancelled callers, and the records."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from store_dynamo import CorruptRecordError, FencedError, StoreUnavailableError, UnknownSchemaError
from store_dynamo.journal import KEPT, Segment
from store_dynamo.keys import running_key, segment_key, turn_key
from store_dynamo.running import DEAD_AFTER, RunningTurn, RunningTurns, ThreadBusyError
from store_dynamo.testing.models import note
from store_dynamo.testing.setting import Caller, Clock, item_ids
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.faults import Faults

SEGMENT = Segment(0, 2, "[]", "a")


class AttachContract:
    """Tests of `JournalContract`, `RunningContract`, `TurnsContract` and `FenceContract` that need a table."""

    @pytest.fixture
    def losing(self, backend: DynamoBackend) -> Iterator[Faults]:
        """Lose the first answer of each operation that the methods under test use."""
        with Faults(backend.client) as faults:
            yield faults
            assert faults.pending == 0

    @pytest.mark.promise("R4")
    async def test_changes_of_a_lock_whose_answer_was_lost_are_made(
        self, backend: DynamoBackend, losing: Faults, alice: Caller
    ) -> None:
        clock = Clock()
        running = backend.store(clock=clock).running
        losing.lose_answer("PutItem")
        await running.begin("thr_1", "turn-1", "a", alice, ["file"])
        losing.lose_answer("UpdateItem")
        assert await running.beat("thr_1", "a", alice)
        clock.advance(DEAD_AFTER)
        (seen,) = await self._locks(running, alice)
        losing.lose_answer("UpdateItem")
        assert await running.condemn(seen, alice)
        losing.lose_answer("DeleteItem")
        await running.end("thr_1", "a", alice, taken=True)

        assert await running.find("thr_1", alice) is None

    @pytest.mark.promise("R4")
    async def test_a_segment_and_a_fence_whose_answer_was_lost_are_written(
        self, own: Any, losing: Faults, alice: Caller
    ) -> None:
        for body in ("[]", "x" * 2_000):
            losing.lose_answer("PutItem")
            assert await own.journal.append("thr_1", "turn-1", Segment(len(body), 1, body, "a"), alice)
        losing.lose_answer("UpdateItem")
        assert await own.fence("thr_1", "a", alice)
        losing.lose_answer("TransactWriteItems", 2)
        await own.fenced("b").save_item("thr_1", note("i"), alice)
        await own.fenced("b").delete_thread_item("thr_1", "i", alice)

        assert await item_ids(own, alice) == []

    @pytest.mark.promise("R4")
    async def test_a_call_won_with_a_lost_answer_is_the_winners(self, own: Any, losing: Faults, alice: Caller) -> None:
        """Otherwise no reader would run the client tool call."""
        await own.turns.claim("turn-1", "thr_1", alice)
        losing.lose_answer("UpdateItem")

        assert await own.turns.win("turn-1", "x", alice)
        assert not await own.turns.win("turn-1", "x", alice)

    @pytest.mark.promise("R4")
    async def test_a_segment_that_failed_may_be_appended_again(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        store = backend.store(backoff=backend.quick.__class__(attempts=1, threads=backend.quick.threads))
        with Faults(backend.client) as faults:
            faults.lose_answer("PutItem")
            with pytest.raises(StoreUnavailableError):
                await store.journal.append("thr_1", "turn-1", SEGMENT, alice)
            assert await store.journal.append("thr_1", "turn-1", SEGMENT, alice)

        assert await own.journal.read("thr_1", "turn-1", alice) == [SEGMENT]

    @pytest.mark.promise("R4")
    async def test_a_begun_turn_is_not_begun_again_by_its_own_condemned_claim(
        self, backend: DynamoBackend, alice: Caller
    ) -> None:
        clock = Clock()
        running = backend.store(clock=clock).running
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER)
        (seen,) = await self._locks(running, alice)
        assert await running.condemn(seen, alice)

        with pytest.raises(ThreadBusyError):
            await running.begin("thr_1", "turn-1", "a", alice)

    @pytest.mark.promise("R4")
    async def test_a_zombies_retry_of_a_write_is_refused_like_its_first(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        """The fence comes between a request that did not arrive and its repetition."""
        turn = own.fenced("a")
        with Faults(backend.client) as faults:
            faults.throttle("TransactWriteItems", 2)
            repetition = faults.hold("TransactWriteItems")
            writing = asyncio.create_task(turn.add_thread_item("thr_1", note("late"), alice))
            await own.fence("thr_1", "a", alice)
            repetition.set()
            with pytest.raises(FencedError):
                await writing
        assert await item_ids(own, alice) == []

    @pytest.mark.promise("R5")
    async def test_a_segments_record_has_its_expiry_and_nothing_that_others_look_for(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        clock = Clock()
        text = "word " * 400
        journal = backend.store(clock=clock).journal
        await journal.append("thr_1", "turn-1", SEGMENT, alice)
        await journal.append("thr_1", "turn-1", Segment(2, 5, text, "a", "answered"), alice)

        small, large = (self._record(backend, alice, segment_key(alice.user_id, "thr_1", "turn-1", n)) for n in (0, 2))
        assert set(small) == {"pk", "sk", "schema_version", "by", "c", "b", "at", "expires_at"}
        assert set(large) == {*small, "end"}
        assert int(small["expires_at"]["N"]) == int((clock() + KEPT).timestamp())
        assert zlib.decompress(large["b"]["B"]).decode() == text
        assert await item_ids(own, alice) == []

    @pytest.mark.promise("R4")
    async def test_records_of_an_earlier_version_are_read(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        """Locks without files, turns without calls: a deployment meets those of running turns."""
        await own.running.begin("thr_1", "turn-1", "a", alice)
        await own.turns.claim("turn-1", "thr_1", alice)

        lock = self._record(backend, alice, running_key(alice.user_id, "thr_1"))
        assert set(lock) == {"pk", "sk", "schema_version", "turn", "claim", "at", "expires_at"}
        assert "ran" not in self._record(backend, alice, turn_key(alice.user_id, "turn-1"))
        found = await own.running.find("thr_1", alice)
        assert (found.files, found.taken) == ((), False)

    async def test_a_segment_of_a_newer_schema_or_a_corrupt_one_is_loud(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        key = segment_key(alice.user_id, "thr_1", "turn-1", 0)
        await own.journal.append("thr_1", "turn-1", SEGMENT, alice)
        record = self._record(backend, alice, key)
        for change, error in (
            ({"schema_version": {"N": "2"}}, UnknownSchemaError),
            ({"b": {"B": b"x"}}, CorruptRecordError),
        ):
            backend.client.put_item(TableName=backend.table, Item=record | change)
            with pytest.raises(error, match="LIVE#turn-1#000000000"):
                await own.journal.read("thr_1", "turn-1", alice)

    @pytest.mark.promise("R4")
    async def test_an_expired_turn_is_unknown(self, backend: DynamoBackend, alice: Caller) -> None:
        clock = Clock()
        turns = backend.store(clock=clock).turns
        await turns.claim("turn-1", "thr_1", alice)
        clock.advance(timedelta(days=1))

        assert await turns.find("turn-1", alice) is None

    async def _locks(self, running: RunningTurns[Any], alice: Caller) -> list[RunningTurn]:
        found = await running.find("thr_1", alice)
        return [found] if found else []

    def _record(self, backend: DynamoBackend, alice: Caller, key: Any) -> Any:
        backend.log.user_of(alice)
        return backend.client.get_item(TableName=backend.table, Key=key, ConsistentRead=True)["Item"]
