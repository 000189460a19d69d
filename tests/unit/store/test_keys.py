"""Keys, bodies, merges, expressions and errors, each by its values."""

from __future__ import annotations

import asyncio
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
)
from hypothesis import given
from hypothesis import strategies as st

from store_dynamo import InvalidIdError, RequestRefusedError, StoreUnavailableError
from store_dynamo.bodies import COMPRESS_OVER_BYTES, MAX_INLINE_BYTES, OVERFLOW_OVER_BYTES, Bodies
from store_dynamo.errors import TRANSIENT_CODES, ConditionFailedError, from_aws
from store_dynamo.expressions import update
from store_dynamo.keys import (
    MAX_ID_BYTES,
    escape,
    item_key,
    item_order,
    microseconds,
    overflow_key,
    overflow_prefix,
    table_definition,
    thread_key,
    thread_of,
    thread_order,
    unescape,
    user_partition,
)
from store_dynamo.snapshots import merge
from store_dynamo.testing.models import noise

MAX_DYNAMODB_ITEM_BYTES = 400 * 1_024


@given(st.text(min_size=1, max_size=60))
def test_escaping_is_reversible_and_safe(part: str) -> None:
    escaped = escape(part, "x")

    assert unescape(escaped) == part
    assert not set(escaped) & set("#/% \n\x00")


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
@pytest.mark.promise("S1")
def test_no_user_reaches_into_another_users_partitions(one: str, other: str) -> None:
    if one != other:
        mine = thread_key(one, "t")["pk"]["S"], item_key(one, "t", "i")["pk"]["S"]
        assert not [pk for pk in mine if pk == user_partition(other) or pk.startswith(user_partition(other) + "#")]
        assert not overflow_prefix(one).startswith(overflow_prefix(other))


def test_a_threads_key_contains_user_and_thread() -> None:
    assert thread_of(thread_key("a#b", "t/é")) == ("a#b", "t/é")


@pytest.mark.parametrize(("part", "size"), [("", 0), ("x" * 513, 513), ("é" * 86, 516)])
def test_ids_that_fit_no_key_are_refused(part: str, size: int) -> None:
    with pytest.raises(InvalidIdError) as caught:
        escape(part, "thread")
    assert (caught.value.kind, caught.value.size_bytes, caught.value.limit) == ("thread", size, 512)
    assert part == "" or part not in str(caught.value)


def test_the_longest_keys_fit_aws() -> None:
    longest = "x" * MAX_ID_BYTES
    key = item_key(longest, longest, longest)

    assert len(key["pk"]["S"]) <= 2_048
    assert len(key["sk"]["S"]) <= 1_024
    assert len(thread_order(datetime.max, longest)) <= 1_024
    assert len(overflow_key(overflow_prefix(longest, longest))) <= 1_024


@given(st.datetimes(), st.datetimes(), st.integers(1, 10**19), st.integers(1, 10**19))
@pytest.mark.promise("S2")
def test_order_keys_sort_as_times_then_insertions(one: datetime, other: datetime, first: int, second: int) -> None:
    assert ((one, first) < (other, second)) == (item_order(one, first) < item_order(other, second))


def test_order_counts_instants() -> None:
    noon = datetime(2025, 6, 1, 12)
    assert microseconds(noon) == microseconds(noon.replace(tzinfo=UTC))
    assert microseconds(noon + timedelta(microseconds=1)) == microseconds(noon) + 1


def test_the_table_can_be_asked_for_everything_the_store_queries() -> None:
    definition: Any = table_definition("chat")

    assert [each["AttributeName"] for each in definition["KeySchema"]] == ["pk", "sk"]
    (index,) = definition["LocalSecondaryIndexes"]
    assert [each["AttributeName"] for each in index["KeySchema"]] == ["pk", "ord"]
    assert index["Projection"] == {"ProjectionType": "ALL"}


# Bodies


def size_of(record: dict[str, Any]) -> int:
    """Return an item's size by AWS's rules: names and values, UTF-8."""
    return sum(
        len(name) + (len(value.get("S", "").encode()) or len(value.get("B", b"")) or 21)
        for name, value in record.items()
    )


class Written:
    """A bucket that keeps the last object."""

    async def put(self, key: str, data: bytes) -> None:
        self.key, self.data = key, data


@pytest.mark.promise("S7")
@pytest.mark.parametrize("with_bucket", [True, False])
def test_an_item_and_its_index_entry_stay_under_the_limit(with_bucket: bool) -> None:
    """No local server counts the index entry (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html)."""
    bodies = Bodies(None, Written() if with_bucket else None)  # type: ignore[arg-type]
    longest = "x" * MAX_ID_BYTES
    fixed = item_key(longest, longest, longest) | {
        "ord": {"S": item_order(datetime.max, 1)},
        "schema_version": {"N": "1"},
        "kind": {"S": "structured_input"},
        "expires_at": {"N": "1"},
    }
    largest = 0
    for size in range(60_000, 300_000, 8_000):
        text = noise(size)
        if not with_bucket and len(zlib.compress(text.encode())) > MAX_INLINE_BYTES:
            break
        largest = max(largest, size_of(fixed | asyncio.run(bodies.pack(text, "overflow/x/y/"))))

    assert largest > (OVERFLOW_OVER_BYTES if with_bucket else MAX_INLINE_BYTES) * 0.9
    assert 2 * largest + 100 <= MAX_DYNAMODB_ITEM_BYTES


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("size", "stored"),
    [(COMPRESS_OVER_BYTES, "S"), (COMPRESS_OVER_BYTES + 1, "B"), (80_000, "B"), (90_000, "overflow")],
)
def test_a_body_is_plain_then_compressed_then_in_the_bucket(size: int, stored: str) -> None:
    bucket = Written()
    packed = asyncio.run(Bodies(None, bucket).pack(noise(size), "overflow/a/t/"))  # type: ignore[arg-type]

    assert stored in packed.get("body", packed)
    if stored == "overflow":
        assert packed["overflow"]["S"] == bucket.key
        assert bucket.key.startswith("overflow/a/t/")
        assert zlib.decompress(bucket.data).decode() == noise(size)


# Merging


def fields(title: str | None = None, **metadata: int) -> dict[str, Any]:
    return {"title": title, "status": "active", "metadata": metadata}


@pytest.mark.promise("S12")
@pytest.mark.parametrize(
    ("base", "mine", "stored", "automatic", "merged"),
    [
        (fields(a=1), fields(a=1), fields("x", a=2), False, fields("x", a=2)),
        (fields(a=1), fields(a=2, b=3), fields("x", a=1, c=4), False, fields("x", a=2, b=3, c=4)),
        (fields(a=1, b=1), fields(b=1), fields(a=1, b=2), False, fields(b=2)),
        (fields(a=1), fields(a=2), fields(a=3), False, fields(a=2)),
        (fields(), fields("mine"), fields(), False, fields("mine")),
        (fields(), fields("mine"), fields("theirs"), False, fields("theirs")),
        (fields(), fields("mine"), fields("theirs"), True, fields("mine")),
        (fields("old"), fields(), fields("old"), False, fields()),
        (fields("old"), fields(), fields("new"), False, fields("new")),
        (fields(), fields(), fields() | {"new_field": 1}, False, fields() | {"new_field": 1}),
    ],
)
def test_a_merge_keeps_what_each_side_changed(base: Any, mine: Any, stored: Any, automatic: bool, merged: Any) -> None:
    assert merge(base, mine, stored, stored_title_is_automatic=automatic) == merged


# Expressions and errors


def test_an_update_names_everything() -> None:
    assert update({"body": {"S": "x"}}, {"ord": {"S": "1"}}, ["overflow"], {":now": {"N": "2"}}) == {
        "UpdateExpression": "SET #body = :body, #ord = if_not_exists(#ord, :ord) REMOVE #overflow",
        "ExpressionAttributeNames": {"#body": "body", "#ord": "ord", "#overflow": "overflow"},
        "ExpressionAttributeValues": {":body": {"S": "x"}, ":ord": {"S": "1"}, ":now": {"N": "2"}},
    }


def aws_error(code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r"}, **more}
    return ClientError(response, "PutItem")


@pytest.mark.promise("S9")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *[(aws_error(code), StoreUnavailableError) for code in sorted(TRANSIENT_CODES)],
        (aws_error("Unheard", 502), StoreUnavailableError),
        (ConnectTimeoutError(endpoint_url="x"), StoreUnavailableError),
        (EndpointConnectionError(endpoint_url="x"), StoreUnavailableError),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailableError),
        (aws_error("AccessDeniedException"), RequestRefusedError),
        (aws_error("ValidationException"), RequestRefusedError),
        (aws_error("ItemCollectionSizeLimitExceededException"), RequestRefusedError),
        (NoCredentialsError(), RequestRefusedError),
        (aws_error("ConditionalCheckFailedException"), ConditionFailedError),
    ],
)
def test_every_aws_error_has_a_meaning(error: Any, kind: type[Exception]) -> None:
    assert type(from_aws("put_item", error, 3)) is kind


@pytest.mark.promise("S9")
@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["None", "TransactionConflict"], StoreUnavailableError),
        (["ThrottlingError", "None"], StoreUnavailableError),
        (["ConditionalCheckFailed", "TransactionConflict"], ConditionFailedError),
        (["ValidationError", "None"], RequestRefusedError),
    ],
)
def test_a_cancelled_transaction_means_what_its_reasons_mean(reasons: list[str], kind: type[Exception]) -> None:
    cancelled = aws_error("TransactionCanceledException", CancellationReasons=[{"Code": each} for each in reasons])

    assert type(from_aws("transact_write_items", cancelled, 1)) is kind
