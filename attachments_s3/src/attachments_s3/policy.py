"""Which files a message may carry: the one place where types, sizes and counts are written down.

    policy = Policy(max_per_message=5)
    policy.public()          # for the frontend: ChatKit's `composer.attachments` takes it as it is
    policy.resolve("notes.md", "")            # -> text/markdown: browsers know few types, so the name may decide
    policy.check("../a.png", "image/png", 3)  # -> ("a.png", PNG), or TooLargeError, InvalidSizeError …

The *resolved* type is what the presigned URL binds, what the object gets and what the bytes are checked against; what
the browser declared is only a hint. That is how `.ts` (declared as video/mp2t), `.csv` (application/vnd.ms-excel where
Excel is installed) and `.py` (often nothing) become text, and why a lie gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from attachments_s3 import names
from attachments_s3.errors import InvalidSizeError, TooLargeError, TooManyError, TypeNotAllowedError

MB = 1_000_000


class Kind(StrEnum):
    """How a file is checked, shown and given to the model."""

    IMAGE = "image"  # raster images: preview, served inline, the model sees them
    PDF = "pdf"  # served inline, the model reads it
    TEXT = "text"  # never served inline (HTML and SVG are here), the model reads it as text
    OTHER = "other"  # kept for the user, never given to the model


@dataclass(frozen=True, slots=True)
class FileType:
    """One allowed type; the first extension is the one that a download gets when its own does not fit."""

    mime_type: str
    kind: Kind
    label: str
    extensions: tuple[str, ...]

    @property
    def inline(self) -> bool:
        """Say whether a browser may show the file by itself instead of saving it."""
        return self.kind in (Kind.IMAGE, Kind.PDF)


FILE_TYPES = (
    FileType("image/png", Kind.IMAGE, "a PNG image", (".png",)),
    FileType("image/jpeg", Kind.IMAGE, "a JPEG image", (".jpg", ".jpeg", ".jfif")),
    FileType("image/gif", Kind.IMAGE, "a GIF image", (".gif",)),
    FileType("image/webp", Kind.IMAGE, "a WebP image", (".webp",)),
    FileType("application/pdf", Kind.PDF, "a PDF document", (".pdf",)),
    FileType("text/markdown", Kind.TEXT, "a text file", (".md", ".markdown")),
    FileType("text/csv", Kind.TEXT, "a text file", (".csv", ".tsv")),
    FileType("application/json", Kind.TEXT, "a text file", (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb")),
    FileType("application/xml", Kind.TEXT, "a text file", (".xml", ".xsd", ".xslt")),
    FileType("text/html", Kind.TEXT, "a text file", (".html", ".htm", ".xhtml")),
    FileType("image/svg+xml", Kind.TEXT, "a text file", (".svg",)),
    FileType(
        "text/plain",
        Kind.TEXT,
        "a text file",
        (
            *(".txt", ".text", ".log", ".ini", ".cfg", ".conf", ".toml", ".yaml", ".yml", ".env", ".diff", ".patch"),
            *(".py", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".css", ".java", ".kt", ".c", ".h", ".cpp", ".hpp", ".cs"),
            *(".go", ".rs", ".rb", ".php", ".swift", ".scala", ".sql", ".sh", ".bash", ".ps1", ".r", ".tex", ".srt"),
        ),
    ),
)
TEXT_PLAIN = FILE_TYPES[-1]

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "image/jpg": "image/jpeg",
        "image/pjpeg": "image/jpeg",
        "image/x-png": "image/png",
        "image/apng": "image/png",
        "application/x-pdf": "application/pdf",
        "application/csv": "text/csv",
        "text/tab-separated-values": "text/csv",
        "text/json": "application/json",
        "text/xml": "application/xml",
        "text/x-markdown": "text/markdown",
        "application/xhtml+xml": "text/html",
    }
)
# Types that say nothing: the extension decides, for images and PDFs too.
VAGUE_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})


@dataclass(frozen=True)
class Policy:
    """Limits and allow-list. Bytes are decimal: 50 MB is what OpenAI takes for one PDF, 20 MB suits any photo."""

    types: tuple[FileType, ...] = FILE_TYPES
    max_bytes: Mapping[Kind, int] = field(
        default_factory=lambda: MappingProxyType(
            {Kind.IMAGE: 20 * MB, Kind.PDF: 50 * MB, Kind.TEXT: 10 * MB, Kind.OTHER: 50 * MB}
        )
    )
    max_per_message: int = 10
    max_pixels: int = 100 * MB  # a decoded image takes four bytes for each

    def check(self, name: str, mime_type: str, size: int) -> tuple[str, FileType]:
        """Return the clean name and the type of a file, or say why it may not be attached.

        Raises InvalidNameError, TypeNotAllowedError, InvalidSizeError, TooLargeError.
        """
        name = names.clean(name)
        file_type = self.resolve(name, mime_type)
        if size <= 0:
            raise InvalidSizeError(name, size)
        if size > (limit := self.max_bytes[file_type.kind]):
            raise TooLargeError(name, size, limit)
        return name, file_type

    def resolve(self, name: str, mime_type: str) -> FileType:
        """Return the type to treat the file as, from what the browser declared and from its name.

        Raises TypeNotAllowedError.
        """
        declared = mime_type.partition(";")[0].strip().lower()
        declared = ALIASES.get(declared, declared)
        by_extension = self._by_extension(names.extension(name))
        if found := self._by_mime(declared):
            return found
        if by_extension and (declared in VAGUE_TYPES or by_extension.kind is Kind.TEXT):
            return by_extension
        if declared.startswith("text/") and TEXT_PLAIN in self.types:
            return TEXT_PLAIN
        raise TypeNotAllowedError(name, mime_type)

    def type_of(self, mime_type: str) -> FileType | None:
        """Return the type that a stored attachment was resolved to; None when the policy no longer lists it."""
        return self._by_mime(mime_type)

    def check_count(self, count: int) -> None:
        """Raise TooManyError when one message refers to more files than allowed."""
        if count > self.max_per_message:
            raise TooManyError(count, self.max_per_message)

    def content_disposition(self, name: str, file_type: FileType) -> str:
        """Return the header a download gets: `x.html` of a PNG becomes `x.html.png`, so that it is no page."""
        fits = names.extension(name) in file_type.extensions
        return names.content_disposition(name if fits else name + file_type.extensions[0], inline=file_type.inline)

    def public(self) -> dict[str, Any]:
        """Return what a frontend needs, in the shape of ChatKit.js's `composer.attachments`, and the size per type."""
        return {
            "enabled": True,
            "maxCount": self.max_per_message,
            "maxSize": max(self.max_bytes[t.kind] for t in self.types),
            "accept": {t.mime_type: list(t.extensions) for t in self.types},
            "maxSizes": {t.mime_type: self.max_bytes[t.kind] for t in self.types},
        }

    def _by_mime(self, mime_type: str) -> FileType | None:
        return next((t for t in self.types if t.mime_type == mime_type), None)

    def _by_extension(self, extension: str) -> FileType | None:
        return next((t for t in self.types if extension in t.extensions), None) if extension else None
