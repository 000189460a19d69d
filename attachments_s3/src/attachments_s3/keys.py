"""Object keys and ids: where a user's files lie.

    pending/{user}/{attachment}      what the browser PUT; a lifecycle rule removes it after a day
    files/{user}/{attachment}        what a message refers to: verified, and written by nobody but us
    generated/{user}/{image}         what the model drew

The user comes from the request's context, never from the client, so another user's object cannot be addressed. No file
name is in a key. A part is escaped so that no id can forge a separator, a `..` or another id's escape: letters, digits,
`-` and `_` stay, every other UTF-8 byte becomes `.` and two hex digits. All of these characters are safe in S3 keys and
unreserved in URLs (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html), so a key reads the same in
a signature, a log and a URL.
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

    Raises InvalidIdError for an empty part, and for one longer than 480 bytes when escaped.
    """
    try:
        raw = part.encode()
    except UnicodeEncodeError as exc:
        raise InvalidIdError(len(part)) from exc
    escaped = _UNSAFE.sub(lambda match: b".%02x" % match[0][0], raw).decode("ascii")
    if not 0 < len(escaped) <= MAX_PART_BYTES:
        raise InvalidIdError(len(escaped))
    return escaped


def pending_key(user_id: str, attachment_id: str) -> str:
    """Return where the browser uploads to."""
    return f"{PENDING}/{escape(user_id)}/{escape(attachment_id)}"


def file_key(user_id: str, attachment_id: str) -> str:
    """Return where an accepted file lies."""
    return f"{FILES}/{escape(user_id)}/{escape(attachment_id)}"


def generated_key(user_id: str, image_id: str) -> str:
    """Return where a generated image lies."""
    return f"{GENERATED}/{escape(user_id)}/{escape(image_id)}"


def attachment_keys(user_id: str, attachment_id: str) -> tuple[str, str]:
    """Return every key an attachment can have: what to delete with its record."""
    return pending_key(user_id, attachment_id), file_key(user_id, attachment_id)


def new_id(prefix: str, now: datetime) -> str:
    """Return an id that sorts by time (48 bits of milliseconds) and cannot be guessed (80 random bits)."""
    return f"{prefix}_{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"
