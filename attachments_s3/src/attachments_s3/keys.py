"""Object keys and ids: where a user's files are.

    pending/{user}/{attachment}      uploaded by the browser; a lifecycle rule removes it after a day
    files/{user}/{attachment}        accepted with a message; no presigned URL can write it
    generated/{user}/{image}         made by the model

The user id comes from the request's context, never from the client, so another user's object cannot be addressed. Keys
contain no file name. Ids are escaped so that none can forge a separator, a `..` or another id's escape: letters,
digits, `-` and `_` stay, and every other UTF-8 byte becomes `.` and two hex digits. All of these characters are safe in
S3 keys and unreserved in URLs (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html), so a key looks
the same in a signature, a log and a URL. `store_dynamo` escapes ids in the same way, but allows 512 bytes.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime

from attachments_s3.errors import InvalidIdError

PENDING, FILES, GENERATED = "pending", "files", "generated"

MAX_PART_BYTES = 480  # two of them, the longest prefix and the separators stay below S3's 1 024
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")


def escape(part: str) -> str:
    """Return `part` as one path segment; different parts never give the same segment.

    Raises InvalidIdError if the segment would be empty or longer than MAX_PART_BYTES.
    """
    if len(part) > MAX_PART_BYTES:  # before the work that a long id costs
        raise InvalidIdError(len(part))
    escaped = _UNSAFE.sub(lambda match: b".%02x" % match[0][0], part.encode(errors="surrogatepass")).decode("ascii")
    if not 0 < len(escaped) <= MAX_PART_BYTES:
        raise InvalidIdError(len(escaped))
    return escaped


def pending_key(user_id: str, attachment_id: str) -> str:
    """Return the key that the browser uploads to."""
    return f"{PENDING}/{escape(user_id)}/{escape(attachment_id)}"


def file_key(user_id: str, attachment_id: str) -> str:
    """Return the key of an accepted file."""
    return f"{FILES}/{escape(user_id)}/{escape(attachment_id)}"


def generated_key(user_id: str, image_id: str) -> str:
    """Return the key of a generated image."""
    return f"{GENERATED}/{escape(user_id)}/{escape(image_id)}"


def attachment_keys(user_id: str, attachment_id: str) -> tuple[str, str]:
    """Return every key that an attachment can have; delete them together with its record."""
    return pending_key(user_id, attachment_id), file_key(user_id, attachment_id)


def new_id(prefix: str, now: datetime) -> str:
    """Return an id that sorts by time (48 bits of milliseconds) and cannot be guessed (80 random bits)."""
    return f"{prefix}_{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"
