"""A ChatKit store on DynamoDB; see `store_dynamo.store`."""

from store_dynamo.errors import (
    AttachmentClaimedError,
    CorruptRecordError,
    DuplicateItemError,
    InvalidIdError,
    RateExceededError,
    RecordTooLargeError,
    RequestRefusedError,
    StoreError,
    StoreUnavailableError,
    TurnClaimedError,
    UnknownSchemaError,
)
from store_dynamo.keys import table_definition
from store_dynamo.overflow import OverflowBucket
from store_dynamo.requests import CLIENT_CONFIG, Backoff
from store_dynamo.store import DynamoStore

__all__ = [
    "CLIENT_CONFIG",
    "AttachmentClaimedError",
    "Backoff",
    "CorruptRecordError",
    "DuplicateItemError",
    "DynamoStore",
    "InvalidIdError",
    "OverflowBucket",
    "RateExceededError",
    "RecordTooLargeError",
    "RequestRefusedError",
    "StoreError",
    "StoreUnavailableError",
    "TurnClaimedError",
    "UnknownSchemaError",
    "table_definition",
]
