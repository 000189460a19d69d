"""A ChatKit store on one DynamoDB table; see `DynamoStore`."""

from store_dynamo.bodies import S3Bucket
from store_dynamo.errors import (
    AttachmentClaimedError,
    CorruptRecordError,
    DuplicateItemError,
    FencedError,
    HeldError,
    InvalidIdError,
    RateExceededError,
    RecordTooLargeError,
    RequestRefusedError,
    SignedOutError,
    StoreError,
    StoreUnavailableError,
    TooManyRunningError,
    TurnClaimedError,
    UnknownSchemaError,
)
from store_dynamo.keys import table_definition
from store_dynamo.running import ThreadBusyError
from store_dynamo.store import ActivePage, DynamoStore
from store_dynamo.table import CLIENT_CONFIG, Backoff

__all__ = [
    "CLIENT_CONFIG",
    "ActivePage",
    "AttachmentClaimedError",
    "Backoff",
    "CorruptRecordError",
    "DuplicateItemError",
    "DynamoStore",
    "FencedError",
    "HeldError",
    "InvalidIdError",
    "RateExceededError",
    "RecordTooLargeError",
    "RequestRefusedError",
    "S3Bucket",
    "SignedOutError",
    "StoreError",
    "StoreUnavailableError",
    "ThreadBusyError",
    "TooManyRunningError",
    "TurnClaimedError",
    "UnknownSchemaError",
    "table_definition",
]
