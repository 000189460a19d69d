"""Keys of records and overflow objects, and the ids that the store generates. Pure functions, but for the clock of ids.

    record       pk                            sk                       ord (LSI `by_order`)
    thread       USER#{user}                   THREAD#{thread}          THREAD#{created_us:020}#{thread}
    attachment   USER#{user}                   ATTACHMENT#{attachment}  ATTACHMENT#{thread}, once it belongs to one
    turn         USER#{user}                   TURN#{turn}              –
    running turn USER#{user}                   RUNNING#{thread}         –
    allowance    USER#{user}                   ALLOWANCE#{approval}     –
    rate         USER#{user} or SHARED         RATE#{name}#{window}     –
    access       USER#{user}                   ACCESS                   –
    lease        LEASES                        LEASE#{until}#{holder}   –
    hold         USER#{user} or SHARED         HOLD                     –
    audit        AUDIT#{user} or AUDIT         {at_us:020}#{unique}     –
    kept copy    as the record                 HELD#{number}#{sk}       –
    item         USER#{user}#THREAD#{thread}   ITEM#{item}              {created_us:020}#{inserted_ns:020}
    feedback     USER#{user}#THREAD#{thread}   FEEDBACK#{item}          –
    segment      USER#{user}#THREAD#{thread}   LIVE#{turn}#{first:09}   –
    approval     USER#{user}#THREAD#{thread}   APPROVAL#{approval}      –

    overflow/{user}/{thread}/{unique}          a body too big for the table, in S3

The user comes from the request's context and is part of every key, so another user's record cannot be addressed. Ids
are escaped so that none can forge a separator: letters, digits, `-` and `_` stay, each other UTF-8 byte becomes `.` and
two hex digits. `attachments_s3` escapes ids in the same way, but allows 480 bytes, so `{area}/{user}/` holds all of a
user's objects in every area.

An attachment's `ord` lets one query find the attachments of a thread when the thread is deleted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from store_dynamo.errors import InvalidIdError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef

Key = dict[str, dict[str, Any]]

INDEX = "by_order"
TTL_ATTRIBUTE = "expires_at"
THREAD, ITEM, ATTACHMENT, TURN, FEEDBACK, RATE = "THREAD#", "ITEM#", "ATTACHMENT#", "TURN#", "FEEDBACK#", "RATE#"
ACCESS, LEASES, LEASE, HOLD, HELD = "ACCESS", "LEASES", "LEASE#", "HOLD", "HELD#"
RUNNING, LIVE, APPROVAL, ALLOWANCE = "RUNNING#", "LIVE#", "APPROVAL#", "ALLOWANCE#"
OVERFLOW_AREA = "overflow"

MAX_ID_BYTES = 512  # of an escaped id; a sort key holds 1 024, a partition key 2 048
MAX_OBJECT_PART_BYTES = 256  # an object key holds 1 024 in all
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(r"\.([0-9a-f]{2})")
# Order keys count from the year 1, so that every datetime is a positive number and sorts as text.
_EPOCH = datetime.min.replace(tzinfo=UTC)


def table_definition(name: str) -> CreateTableInputTypeDef:
    """Return CreateTable's parameters: key schema, index and stream. TTL and backups need requests of their own."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk", "ord")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "LocalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "ord", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def escape(part: str, kind: str) -> str:
    """Return an id as a part of a key; different ids give different parts.

    Raises InvalidIdError when the id is empty or takes more than MAX_ID_BYTES; `kind` names it in the message.
    """
    if len(part) > MAX_ID_BYTES:  # before the work that a long id costs
        raise InvalidIdError(kind, len(part), MAX_ID_BYTES)
    escaped = _UNSAFE.sub(lambda match: b".%02x" % match[0][0], part.encode(errors="surrogatepass")).decode("ascii")
    if not 0 < len(escaped) <= MAX_ID_BYTES:
        raise InvalidIdError(kind, len(escaped), MAX_ID_BYTES)
    return escaped


def unescape(escaped: str) -> str:
    """Return the id that `escape` was given."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), escaped).encode("latin-1").decode(errors="surrogatepass")


def user_partition(user_id: str) -> str:
    return f"USER#{escape(user_id, 'user')}"


def thread_partition(user_id: str, thread_id: str) -> str:
    return f"{user_partition(user_id)}#{THREAD}{escape(thread_id, 'thread')}"


def thread_key(user_id: str, thread_id: str) -> Key:
    return _key(user_partition(user_id), THREAD + escape(thread_id, "thread"))


def item_key(user_id: str, thread_id: str, item_id: str) -> Key:
    return _key(thread_partition(user_id, thread_id), ITEM + escape(item_id, "item"))


def feedback_key(user_id: str, thread_id: str, item_id: str) -> Key:
    return _key(thread_partition(user_id, thread_id), FEEDBACK + escape(item_id, "item"))


def approval_key(user_id: str, thread_id: str, approval_id: str) -> Key:
    return _key(thread_partition(user_id, thread_id), APPROVAL + escape(approval_id, "approval"))


def allowance_key(user_id: str, approval_id: str) -> Key:
    """Return the key of the allowance that an approval granted. It outlives the approval's conversation."""
    return _key(user_partition(user_id), ALLOWANCE + escape(approval_id, "approval"))


def attachment_key(user_id: str, attachment_id: str) -> Key:
    return _key(user_partition(user_id), ATTACHMENT + escape(attachment_id, "attachment"))


def turn_key(user_id: str, turn_id: str) -> Key:
    return _key(user_partition(user_id), TURN + escape(turn_id, "turn"))


def running_key(user_id: str, thread_id: str) -> Key:
    """Return the key of a thread's lock. It is in the user's partition, so that one query lists the running turns."""
    return _key(user_partition(user_id), RUNNING + escape(thread_id, "thread"))


def segment_key(user_id: str, thread_id: str, turn_id: str, first: int) -> Key:
    """Return the key of a turn's segment, `first` being the number of its first event.

    It is in the thread's partition, so that segments are swept, exported and erased with the thread.
    """
    return _key(thread_partition(user_id, thread_id), f"{LIVE}{escape(turn_id, 'turn')}#{first:09}")


def rate_key(user_id: str | None, name: str, window_start: int) -> Key:
    """Return the key of a user's counter or, for None, of the counter that all users share."""
    return _key(_partition(user_id), f"{RATE}{escape(name, 'rate')}#{window_start}")


def access_key(user_id: str) -> Key:
    return _key(user_partition(user_id), ACCESS)


def lease_key(until: int, holder: str) -> Key:
    """Return the key of a running turn's lease; leases sort by their end, in seconds since 1970."""
    return _key(LEASES, f"{LEASE}{until:012}#{escape(holder, 'lease')}")


def hold_key(held: str | None) -> Key:
    """Return the key of a user's legal hold or, for None, of the hold of all users."""
    return _key(_partition(held), HOLD)


def audit_partition(subject: str | None) -> str:
    """Return the partition of the actions on a user's data or, for None, on everyone's. An erasure leaves it."""
    return "AUDIT" if subject is None else f"AUDIT#{escape(subject, 'user')}"


def audit_key(subject: str | None, at: datetime, unique: str) -> Key:
    return _key(audit_partition(subject), f"{microseconds(at):020}#{unique}")


def thread_of(key: Key) -> tuple[str, str]:
    """Return (user id, thread id) of a thread record's key."""
    user = key["pk"]["S"].removeprefix("USER#")
    return unescape(user), unescape(key["sk"]["S"].removeprefix(THREAD))


def attachment_of(key: Key) -> tuple[str, str]:
    """Return (user id, attachment id) of an attachment record's key."""
    user = key["pk"]["S"].removeprefix("USER#")
    return unescape(user), unescape(key["sk"]["S"].removeprefix(ATTACHMENT))


def thread_order(created_at: datetime, thread_id: str) -> str:
    return f"{THREAD}{microseconds(created_at):020}#{escape(thread_id, 'thread')}"


def thread_time(order: str) -> datetime:
    """Return the time in a thread's order: of its creation, or of its last activity."""
    since_year_1 = timedelta(microseconds=int(order.removeprefix(THREAD).partition("#")[0]))
    return datetime.min.replace(tzinfo=UTC) + since_year_1


def attachment_order(thread_id: str) -> str:
    return f"{ATTACHMENT}{escape(thread_id, 'thread')}"


def item_order(created_at: datetime, inserted_ns: int) -> str:
    return f"{microseconds(created_at):020}#{inserted_ns:020}"


def microseconds(at: datetime) -> int:
    """Return the microseconds since the year 1; ChatKit's naive times are local times of a UTC process."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, (aware - _EPOCH) // timedelta(microseconds=1))


def overflow_prefix(user_id: str, thread_id: str | None = None) -> str:
    """Return the prefix of the overflow objects of a user or of one thread."""
    user = f"{OVERFLOW_AREA}/{escape(user_id, 'user')}/"
    if thread_id is None:
        return user
    thread = escape(thread_id, "thread")
    if len(thread) > MAX_OBJECT_PART_BYTES:
        thread = "~" + hashlib.sha256(thread.encode()).hexdigest()  # escape() never writes a tilde
    return f"{user}{thread}/"


def overflow_key(prefix: str) -> str:
    """Return a new object key; every write has its own, so that no reader sees half of another's."""
    return f"{prefix}{uuid.uuid4().hex}"


def _partition(user_id: str | None) -> str:
    return "SHARED" if user_id is None else user_partition(user_id)


def _key(pk: str, sk: str) -> Key:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


_clock_lock = threading.Lock()
_last_ns = 0


def next_ns() -> int:
    """Return the time in nanoseconds since 1970, later than every value returned before in this process."""
    global _last_ns
    with _clock_lock:
        _last_ns = max(time.time_ns(), _last_ns + 1)
        return _last_ns


def new_id(prefix: str) -> str:
    """Return an id that sorts by time and cannot be guessed: 16 hex digits of nanoseconds, 20 of randomness (80 bits).

    new_id("msg")  →  msg_18f0c2a94d3b7e10c4f1…
    """
    return f"{prefix}_{next_ns():016x}{secrets.token_hex(10)}"
