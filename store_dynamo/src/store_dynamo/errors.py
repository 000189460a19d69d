"""Errors of the store, besides ChatKit's own NotFoundError.

    StoreError
    ├── StoreUnavailableError      throttled, timed out or down, after all retries: try again later
    ├── RequestRefusedError        AWS refused the request (permissions, a missing table): the set-up is wrong
    ├── DuplicateItemError         the id exists with another body
    ├── AttachmentClaimedError     another turn has taken the attachment
    ├── TurnClaimedError           the turn is running or has run
    ├── ThreadBusyError            another turn has the thread's lock (running.py)
    ├── NotDecidedError            the approval was decided, has expired or has changed (approvals.py)
    ├── FencedError                the turn was taken over, and writes nothing more
    ├── RateExceededError          the window's limit is reached
    ├── TooManyRunningError        as many turns run as are allowed at once, of this user or of all
    ├── SignedOutError             the user signed out everywhere, or was erased, after this sign-in
    ├── HeldError                  the user's data is under a legal hold and cannot be erased
    ├── InvalidIdError             the id does not fit into a key
    ├── RecordTooLargeError        the body is too big for the table, and the store has no overflow bucket
    ├── UnknownSchemaError         the record was written by a newer version of this package
    └── CorruptRecordError         the record cannot be read, or its overflow object is gone

Ids and sizes are attributes. `from_aws` is the only place that interprets AWS's error codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BotoConnectionError
from chatkit.store import NotFoundError

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "500",
        "503",
    }
)


class StoreError(Exception):
    """Base of all errors of this package."""


class StoreUnavailableError(StoreError):
    """AWS did not carry the request out in any of the attempts."""

    def __init__(self, operation: str, attempts: int, code: str) -> None:
        super().__init__(f"{operation} failed {attempts} times, last with {code}")
        self.operation, self.attempts, self.code = operation, attempts, code


class RequestRefusedError(StoreError):
    """AWS refused the request; another attempt would be refused as well."""

    def __init__(self, operation: str, code: str, request_id: str) -> None:
        super().__init__(f"{operation} was refused with {code} (request {request_id})")
        self.operation, self.code, self.request_id = operation, code, request_id


class DuplicateItemError(StoreError):
    def __init__(self, thread_id: str, item_id: str) -> None:
        super().__init__(f"Thread {thread_id} already has a different item {item_id}")
        self.thread_id, self.item_id = thread_id, item_id


class AttachmentClaimedError(StoreError):
    def __init__(self, attachment_id: str) -> None:
        super().__init__(f"Attachment {attachment_id} belongs to another message")
        self.attachment_id = attachment_id


class TurnClaimedError(StoreError):
    def __init__(self, turn_id: str, thread_id: str | None) -> None:
        super().__init__(f"Turn {turn_id} has already been started")
        self.turn_id, self.thread_id = turn_id, thread_id


class FencedError(StoreError):
    """`claim` is the claim of the turn that was taken over."""

    def __init__(self, thread_id: str, claim: str) -> None:
        super().__init__(f"The turn {claim} in thread {thread_id} was taken over; its write was refused")
        self.thread_id, self.claim = thread_id, claim


class RateExceededError(StoreError):
    def __init__(self, name: str, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"Limit exceeded: {limit} {name}; try again in {retry_after_seconds} s")
        self.name, self.limit, self.retry_after_seconds = name, limit, retry_after_seconds


class TooManyRunningError(StoreError):
    """`limit` turns run at once: of the user, or, with `everyone`, of all users together."""

    def __init__(self, limit: int, *, everyone: bool = False) -> None:
        super().__init__(f"{limit} turns {'of all users ' if everyone else ''}are running at once, the limit")
        self.limit, self.everyone = limit, everyone


class SignedOutError(StoreError):
    """`before` is the instant, in seconds since 1970, before which every sign-in has ended."""

    def __init__(self, before: int, *, erased: bool) -> None:
        super().__init__("The user was erased" if erased else "The user signed out everywhere")
        self.before, self.erased = before, erased


class HeldError(StoreError):
    def __init__(self, hold: str) -> None:
        super().__init__(f"The data is under a legal hold, so nothing was erased: {hold}")
        self.hold = hold


class InvalidIdError(StoreError):
    """The escaped id is empty or over `limit` bytes. The message does not quote it, because it may be anything."""

    def __init__(self, kind: str, size_bytes: int, limit: int) -> None:
        fault = f"is too long: {size_bytes} bytes escaped, {limit} fit" if size_bytes else "is empty"
        super().__init__(f"The {kind} id {fault}")
        self.kind, self.size_bytes, self.limit = kind, size_bytes, limit


class RecordTooLargeError(StoreError):
    def __init__(self, size_bytes: int, limit: int) -> None:
        super().__init__(
            f"The body has {size_bytes} bytes compressed and the table takes {limit}: give the store an overflow bucket"
        )
        self.size_bytes, self.limit = size_bytes, limit


class UnknownSchemaError(StoreError):
    def __init__(self, pk: str, sk: str, version: int, supported: int) -> None:
        super().__init__(
            f"Record {pk} {sk} has schema version {version}; this code reads up to {supported}: update store_dynamo"
        )
        self.pk, self.sk, self.version, self.supported = pk, sk, version, supported


class CorruptRecordError(StoreError):
    def __init__(self, pk: str, sk: str, reason: str) -> None:
        super().__init__(f"Record {pk} {sk} cannot be read: {reason}")
        self.pk, self.sk, self.reason = pk, sk, reason


class ConditionFailedError(StoreError):
    """A condition of a write did not hold; `failed` maps the action's place in its transaction to the stored record.

    It never leaves the package: each caller translates its own condition.
    """

    def __init__(self, failed: Mapping[int, Mapping[str, Any] | None]) -> None:
        super().__init__("a condition does not hold")
        self.failed = failed


def from_aws(operation: str, error: ClientError | BotoCoreError, attempts: int) -> StoreError:
    """Translate an error of botocore; StoreUnavailableError is worth another attempt."""
    if not isinstance(error, ClientError):
        network = isinstance(error, (HTTPClientError, BotoConnectionError, IncompleteReadError))
        name = type(error).__name__
        return (
            StoreUnavailableError(operation, attempts, name) if network else RequestRefusedError(operation, name, "-")
        )
    response: Mapping[str, Any] = error.response
    code = str(response.get("Error", {}).get("Code", ""))
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError({0: response.get("Item")})
    if code == "TransactionCanceledException":
        reasons: Sequence[Mapping[str, Any]] = response.get("CancellationReasons", [])
        codes = [str(reason.get("Code", "None")) for reason in reasons]
        if "ConditionalCheckFailed" in codes:
            return ConditionFailedError(
                {n: reasons[n].get("Item") for n, each in enumerate(codes) if each == "ConditionalCheckFailed"}
            )
        code = next((each for each in codes if each != "None"), code)
    metadata: Mapping[str, Any] = response.get("ResponseMetadata", {})
    if code in TRANSIENT_CODES or int(metadata.get("HTTPStatusCode", 0)) >= 500:
        return StoreUnavailableError(operation, attempts, code)
    return RequestRefusedError(operation, code, str(metadata.get("RequestId", "-")))


def thread_not_found(thread_id: str) -> NotFoundError:
    return NotFoundError(f"Thread {thread_id} not found")


def item_not_found(item_id: str) -> NotFoundError:
    return NotFoundError(f"Item {item_id} not found")


def turn_not_found(turn_id: str) -> NotFoundError:
    return NotFoundError(f"Turn {turn_id} not found")


def approval_not_found(approval_id: str) -> NotFoundError:
    return NotFoundError(f"Approval {approval_id} not found")


def attachment_not_found(attachment_id: str) -> NotFoundError:
    return NotFoundError(f"Attachment {attachment_id} not found")
