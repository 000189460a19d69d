"""What we remember of a file in `Attachment.metadata`, which ChatKit keeps and never sends to a client."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from chatkit.types import FileAttachment, ImageAttachment

AnyAttachment = TypeVar("AnyAttachment", FileAttachment, ImageAttachment, FileAttachment | ImageAttachment)

FIELD = "s3"  # ours in the dict; whatever else an application keeps there stays


class State(StrEnum):
    """Where the bytes are."""

    PENDING = "pending"  # under pending/, if they have arrived at all
    STORED = "stored"  # under files/


@dataclass(frozen=True, slots=True)
class Record:
    """`etag` is the verified version's, once there is one."""

    size: int
    state: State = State.PENDING
    etag: str = ""

    @classmethod
    def of(cls, attachment: FileAttachment | ImageAttachment) -> Record | None:
        """Read an attachment's record; None when it was not made by this store."""
        fields = cast("dict[str, Any] | None", (attachment.metadata or {}).get(FIELD))
        return cls(int(fields["size"]), State(fields["state"]), str(fields["etag"])) if fields else None

    def metadata(self, old: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the attachment's metadata with this record in it."""
        return {**(old or {}), FIELD: {**asdict(self), "state": self.state.value}}
