"""Whether a file's first bytes are what its type says.

    content.check("scan.png", head, PNG, max_pixels=100_000_000)

A type is a claim by the browser, made from the file's extension; before a file is served or goes to the model, its
bytes have to agree. Signatures come from PyPI `filetype`; PDF and text are decided here, because `filetype` takes any
text that begins with `BM` for a bitmap.
"""

from __future__ import annotations

import codecs
from typing import Any

import filetype  # pyright: ignore[reportMissingTypeStubs]

from attachments_s3 import images
from attachments_s3.errors import ContentMismatchError, ImageTooLargeError
from attachments_s3.policy import FILE_TYPES, FileType, Kind

HEAD_BYTES = 64 * 1024
LONG_HEAD_BYTES = 4 * 1024 * 1024  # a phone's JPEG may carry a depth map before its size
PDF_HEADER_WITHIN = 1024  # Acrobat accepts junk before %PDF-: ISO 32000-1, implementation note 13

LABELS = {t.mime_type: t.label for t in FILE_TYPES} | {
    "application/zip": "a ZIP archive",
    "application/gzip": "a gzip archive",
    "application/x-7z-compressed": "a 7z archive",
    "application/x-msdownload": "a Windows program",
    "application/x-executable": "a program",
    "image/bmp": "a bitmap image",
    "image/heic": "a HEIC image",
    "image/avif": "an AVIF image",
    "image/tiff": "a TIFF image",
    "video/mp4": "a video",
}
# A text may hold these control characters: tab, newlines, form feed, escape (terminal logs).
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b\x08")
_BINARY_CONTROLS = bytes(set(range(0x20)) - _TEXT_CONTROLS)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check(name: str, head: bytes, file_type: FileType, *, max_pixels: int) -> None:
    """Refuse a file whose beginning `head` is not of `file_type`.

    Raises ContentMismatchError, or ImageTooLargeError for an image that claims more than `max_pixels`.
    """
    match file_type.kind:
        case Kind.IMAGE:
            _check_image(name, head, file_type, max_pixels)
        case Kind.PDF if b"%PDF-" not in head[:PDF_HEADER_WITHIN]:
            raise ContentMismatchError(name, file_type.label, found_label(head))
        case Kind.TEXT if encoding(head) is None:
            raise ContentMismatchError(name, file_type.label, found_label(head))
        case _:
            pass


def needs_more(head: bytes, file_type: FileType) -> bool:
    """Say whether an image's size is not in `head`."""
    return file_type.mime_type == "image/jpeg" and head.startswith(b"\xff\xd8") and images.dimensions(head) is None


def mime_of(head: bytes) -> str | None:
    """Return the type that the signature in `head` belongs to; None for text and for what is unknown."""
    guess: Any = filetype.guess(head)  # pyright: ignore[reportUnknownMemberType]
    if guess is None:
        return "application/pdf" if b"%PDF-" in head[:PDF_HEADER_WITHIN] else None
    return "image/png" if guess.mime == "image/apng" else str(guess.mime)


def encoding(head: bytes) -> str | None:
    """Return the encoding by which `head` reads as text, or None if it is no text.

    UTF-8 first; the Unicode byte order marks; else Windows-1252, the old Excel's, which gives a meaning to nearly every
    byte and is therefore believed only without any control character or known signature.
    """
    for mark, codec in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return codec
    if head.translate(None, _BINARY_CONTROLS) != head or b"%PDF-" in head[:8]:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return None if mime_of(head) else "cp1252"
    return "utf-8-sig"


def found_label(head: bytes) -> str:
    """Name for people what `head` is the beginning of."""
    mime_type = mime_of(head)
    if mime_type is None:
        return "a text file" if encoding(head) else "something else"
    return LABELS.get(mime_type, f"of the type {mime_type}")


def _check_image(name: str, head: bytes, file_type: FileType, max_pixels: int) -> None:
    if mime_of(head) != file_type.mime_type:
        raise ContentMismatchError(name, file_type.label, found_label(head))
    size = images.dimensions(head)
    if size is None or not all(size):
        raise ContentMismatchError(name, file_type.label, "damaged")
    if size[0] * size[1] > max_pixels:
        raise ImageTooLargeError(name, *size, max_pixels)
