"""Policy for attachments: allowed types, sizes and counts.

    policy = Policy(max_per_message=5)
    policy.public()                           # for ChatKit.js: the value of `composer.attachments`
    policy.resolve("notes.md", "")            # text/markdown: browsers know few types, so the name can decide
    policy.check("../a.png", "image/png", 3)  # ("a.png", PNG), or raises TooLargeError, InvalidSizeError, …

The browser's declaration is only a hint. The *resolved* type is signed into the presigned URL, set on the object and
compared with the bytes. So `.ts` (declared as video/mp2t), `.csv` (application/vnd.ms-excel where Excel is installed)
and `.py` (often without a type) become text, and a false declaration gains nothing.
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
    """Class of types that are checked, shown and sent to the model in the same way."""

    IMAGE = "image"  # raster images: previewed, served inline, sent as image input
    PDF = "pdf"  # served inline, sent as file input
    OFFICE = "office"  # never served inline, sent as file input
    TEXT = "text"  # never served inline (includes HTML and SVG), sent as text


@dataclass(frozen=True, slots=True)
class FileType:
    """One allowed type. The first extension is added to a download whose own extension does not fit."""

    mime_type: str
    kind: Kind
    label: str
    extensions: tuple[str, ...]

    @property
    def inline(self) -> bool:
        """Whether a browser may show the file instead of saving it."""
        return self.kind in (Kind.IMAGE, Kind.PDF)

    def fitted(self, name: str) -> str:
        """Return a name with an extension of this type: a PNG called `x.html` becomes `x.html.png`, not a page."""
        return name if names.extension(name) in self.extensions else name + self.extensions[0]


OPEN_XML = "application/vnd.openxmlformats-officedocument"
FILE_TYPES = (
    FileType("image/png", Kind.IMAGE, "a PNG image", (".png",)),
    FileType("image/jpeg", Kind.IMAGE, "a JPEG image", (".jpg", ".jpeg", ".jfif")),
    FileType("image/gif", Kind.IMAGE, "a GIF image", (".gif",)),
    FileType("image/webp", Kind.IMAGE, "a WebP image", (".webp",)),
    FileType("application/pdf", Kind.PDF, "a PDF document", (".pdf",)),
    FileType(f"{OPEN_XML}.wordprocessingml.document", Kind.OFFICE, "a Word document", (".docx",)),
    FileType(f"{OPEN_XML}.spreadsheetml.sheet", Kind.OFFICE, "an Excel workbook", (".xlsx",)),
    FileType(f"{OPEN_XML}.presentationml.presentation", Kind.OFFICE, "a PowerPoint presentation", (".pptx",)),
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
_HEIC = "HEIC images cannot be read by the model. Please share it as a JPEG, or set the camera to “Most Compatible”."
_OLD_OFFICE = "Please save it as .docx, .xlsx, .pptx or PDF."
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys((".heic", ".heif", "image/heic", "image/heif", "image/heic-sequence"), _HEIC),
        **dict.fromkeys((".doc", ".xls", ".ppt", "application/msword", "application/vnd.ms-powerpoint"), _OLD_OFFICE),
        **dict.fromkeys((".pages", ".numbers", ".key"), "Please export it as PDF."),
    }
)
"""Advice for common types that cannot be attached, by extension or declared type."""
# Types without information: the extension decides, for images and PDFs too.
VAGUE_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})


@dataclass(frozen=True)
class Policy:
    """Limits and allow-list. Bytes are decimal: OpenAI accepts PDFs up to 50 MB, and 20 MB suits any photo."""

    types: tuple[FileType, ...] = FILE_TYPES
    max_bytes: Mapping[Kind, int] = field(
        default_factory=lambda: MappingProxyType(
            {Kind.IMAGE: 20 * MB, Kind.PDF: 50 * MB, Kind.OFFICE: 20 * MB, Kind.TEXT: 10 * MB}
        )
    )
    max_per_message: int = 10
    max_pixels: int = 100 * MB  # a decoded image takes four bytes per pixel

    def check(self, name: str, mime_type: str, size: int) -> tuple[str, FileType]:
        """Return the clean name and the type of a file, or refuse it.

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
        """Return the type of a file from the browser's declaration and the file's name.

        Raises TypeNotAllowedError.
        """
        declared = mime_type.partition(";")[0].strip().lower()
        declared = ALIASES.get(declared, declared)
        by_extension = self._by_extension(names.extension(name))
        if found := self._by_mime(declared):
            return found
        if by_extension and (declared in VAGUE_TYPES or by_extension.kind is Kind.TEXT):
            return by_extension
        if advice := ADVICE.get(names.extension(name)) or ADVICE.get(declared):
            raise TypeNotAllowedError(name, mime_type, advice)
        if declared.startswith("text/") and TEXT_PLAIN in self.types:
            return TEXT_PLAIN
        raise TypeNotAllowedError(name, mime_type)

    def type_of(self, mime_type: str) -> FileType | None:
        """Return the type of a stored attachment; None if the policy no longer lists it."""
        return self._by_mime(mime_type)

    def check_count(self, count: int) -> None:
        """Raise TooManyError for a message with more files than allowed."""
        if count > self.max_per_message:
            raise TooManyError(count, self.max_per_message)

    def content_disposition(self, name: str, file_type: FileType) -> str:
        """Return the Content-Disposition of a download, whose name fits its type."""
        return names.content_disposition(file_type.fitted(name), inline=file_type.inline)

    def public(self) -> dict[str, Any]:
        """Return ChatKit.js's option `composer.attachments`, with `maxSizes` per type in addition."""
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
