"""Malware scan of an upload, between its verification and its acceptance. Off unless there is a scanner.

    class Scanner:
        async def scan(self, file: ScannedFile) -> str | None:
            return "Eicar-Test" if b"EICAR" in await file.read() else None

    MessageFiles(store, files, scanner=Scanner())           # or a VerifiedAttachments server with a method `scan`

A file with a threat is refused (InfectedError) and deleted. A scanner that fails or takes too long refuses the request
(ScanError, a 503) and gives all of its files back. What was scanned is what is accepted: the copy names its ETag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from attachments_s3.errors import AttachmentError, ScanError

SCAN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """An uploaded object that was verified and not accepted yet; `read` returns all of its bytes."""

    attachment_id: str
    name: str
    mime_type: str
    size: int
    bucket: str
    key: str
    etag: str
    read: Callable[[], Awaitable[bytes]]


@runtime_checkable
class SupportsScan(Protocol):
    """A scanner of uploads."""

    async def scan(self, file: ScannedFile) -> str | None:
        """Return the name of the threat that the file contains, or None."""
        ...


async def find_threat(scanner: SupportsScan, file: ScannedFile) -> str | None:
    """Return the scanner's verdict. Raises ScanError if it fails or takes longer than SCAN_SECONDS."""
    try:
        async with asyncio.timeout(SCAN_SECONDS):
            return await scanner.scan(file)
    except AttachmentError:
        raise
    except Exception as exc:
        raise ScanError(file.attachment_id, file.name) from exc
