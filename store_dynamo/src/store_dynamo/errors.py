"""What can go wrong in the store, beside ChatKit's own NotFoundError.

    StoreError
    ├── StoreUnavailableError      throttled, timed out or down, after all retries: try again later
    ├── RequestRefusedError        AWS refused the request (permissions, a missing table): a fault of the set-up
    ├── DuplicateItemError         the id exists with another body
    ├── AttachmentClaimedError     another turn has taken the attachment
    ├── TurnClaimedError           this turn is running or has run
    ├── RateExceededError          the window's limit is reached
    ├── InvalidIdError             an id that no key can hold
    ├── RecordTooLargeError        a body too big for the table, and there is no overflow bucket
    ├── UnknownSchemaError         the record was written by a newer version of this package
    └── CorruptRecordError         the record cannot be read, or its overflow object is gone

Ids and sizes are attributes. `from_aws` is the one place where AWS's error codes get a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BotoConnectionError

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
    """AWS did not carry the request out, however often we asked."""

    def __init__(self, operation: str, attempts: int, code: str) -> None:
        super().__init__(f"{operation} failed {attempts} times, last with {code}")
        self.operation, self.attempts, self.code = operation, attempts, code


class RequestRefusedError(StoreError):
    """AWS refused the request, and will again."""

    def __init__(self, operation: str, code: str, request_id: str) -> None:
        super().__init__(f"{operation} was refused with {code} (request {request_id})")
        self.operation, self.code, self.request_id = operation, code, request_id


class DuplicateItemError(StoreError):
    def __init__(self, thread_id: str, item_id: str) -> None:
        super().__init__(f"Thread {thread_id} has another item {item_id}")
        self.thread_id, self.item_id = thread_id, item_id


class AttachmentClaimedError(StoreError):
    def __init__(self, attachment_id: str) -> None:
        super().__init__(f"Attachment {attachment_id} belongs to another message")
        self.attachment_id = attachment_id


class TurnClaimedError(StoreError):
    def __init__(self, turn_id: str, thread_id: str | None) -> None:
        super().__init__(f"Turn {turn_id} was started before")
        self.turn_id, self.thread_id = turn_id, thread_id


class RateExceededError(StoreError):
    def __init__(self, name: str, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"More than {limit} {name}; free again in {retry_after_seconds} s")
        self.name, self.limit, self.retry_after_seconds = name, limit, retry_after_seconds


class InvalidIdError(StoreError):
    """The escaped id is empty or over `limit` bytes; the id itself is not quoted, it may be anything."""

    def __init__(self, kind: str, size_bytes: int, limit: int) -> None:
        fault = f"is too long: {size_bytes} bytes escaped, {limit} fit" if size_bytes else "is empty"
        super().__init__(f"The {kind} id {fault}")
        self.kind, self.size_bytes, self.limit = kind, size_bytes, limit


class RecordTooLargeError(StoreError):
    def __init__(self, size_bytes: int, limit: int) -> None:
        super().__init__(
            f"{size_bytes} bytes compressed, {limit} fit into the table: give the store an overflow bucket"
        )
        self.size_bytes, self.limit = size_bytes, limit


class UnknownSchemaError(StoreError):
    def __init__(self, pk: str, sk: str, version: int, supported: int) -> None:
        super().__init__(f"Record {pk} {sk} has schema version {version}; this code reads up to {supported}: update it")
        self.pk, self.sk, self.version, self.supported = pk, sk, version, supported


class CorruptRecordError(StoreError):
    def __init__(self, pk: str, sk: str, reason: str) -> None:
        super().__init__(f"Record {pk} {sk} cannot be read: {reason}")
        self.pk, self.sk, self.reason = pk, sk, reason


class ConditionFailedError(StoreError):
    """A conditional write met another record; `failed` maps its place in the transaction to what is stored there.

    Never leaves the package: each caller knows what its condition meant.
    """

    def __init__(self, failed: Mapping[int, Mapping[str, Any] | None]) -> None:
        super().__init__("a condition does not hold")
        self.failed = failed


def from_aws(operation: str, error: ClientError | BotoCoreError, attempts: int) -> StoreError:
    """Return the error that `error` means; StoreUnavailableError is worth another attempt."""
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
