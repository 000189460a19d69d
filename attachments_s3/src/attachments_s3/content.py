"""Content checks: whether a file's first bytes match its type.

    content.check("scan.png", head, PNG, max_pixels=100_000_000)

A type is only a claim that the browser derives from the file's extension. Before a file is served or sent to the model,
its bytes have to agree. Signatures come from PyPI `filetype`; PDF and text are decided here, because `filetype` takes
any text that begins with `BM` for a bitmap.

An image must also state a reasonable size, which is read from its header without decoding. A decompression bomb is a
small file that claims 60 000 × 60 000 pixels and makes its decoder allocate gigabytes. The size is in the first bytes
of PNG (W3C PNG §11.2.2), GIF (GIF89a §18) and WebP (RFC 9649), and in JPEG (ITU T.81 §B.2.2) behind the camera's
metadata.
"""

from __future__ import annotations

import codecs
import struct
from typing import Any

import filetype  # pyright: ignore[reportMissingTypeStubs]

from attachments_s3.errors import ContentMismatchError, ImageTooLargeError
from attachments_s3.policy import FILE_TYPES, FileType, Kind

HEAD_BYTES = 64 * 1024
LONG_HEAD_BYTES = 4 * 1024 * 1024  # a phone's JPEG can carry a depth map before its size
PDF_HEADER_WITHIN = 1024  # Acrobat accepts other bytes before %PDF-: ISO 32000-1, implementation note 13

LABELS = {t.mime_type: t.label for t in FILE_TYPES} | {
    "application/zip": "a ZIP archive",
    "application/gzip": "a gzip archive",
    "application/x-7z-compressed": "a 7z archive",
    "application/x-msdownload": "a Windows program",
    "application/x-executable": "a program",
    "application/x-ole-storage": "an old Office file (save it as .docx, .xlsx, .pptx or PDF)",
    "image/bmp": "a bitmap image",
    "image/heic": "a HEIC image (share it as a JPEG instead)",
    "image/heif": "a HEIC image (share it as a JPEG instead)",
    "image/avif": "an AVIF image",
    "image/tiff": "a TIFF image",
    "video/mp4": "a video",
}
# Control characters allowed in text: tab, newlines, form feed, escape (terminal logs).
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b\x08")
_BINARY_CONTROLS = bytes(set(range(0x20)) - _TEXT_CONTROLS)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, because its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers; C4, C8 and CC are tables and reserved.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def check(name: str, head: bytes, file_type: FileType, *, max_pixels: int) -> None:
    """Refuse a file whose first bytes `head` do not match `file_type`.

    Raises ContentMismatchError, or ImageTooLargeError for an image that claims more than `max_pixels`.
    """
    match file_type.kind:
        case Kind.IMAGE:
            _check_image(name, head, file_type, max_pixels)
        case Kind.PDF if b"%PDF-" not in head[:PDF_HEADER_WITHIN]:
            raise ContentMismatchError(name, file_type.label, found_label(head))
        case Kind.OFFICE if not head.startswith(b"PK\x03\x04"):
            raise ContentMismatchError(name, file_type.label, found_label(head))
        case Kind.TEXT if not is_text(head):
            raise ContentMismatchError(name, file_type.label, found_label(head))
        case _:
            pass


def mime_of(head: bytes) -> str | None:
    """Return the type of the signature in `head`; None for text and for unknown signatures."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "application/x-ole-storage"
    guess: Any = filetype.guess(head)  # pyright: ignore[reportUnknownMemberType]
    if guess is None:
        return "application/pdf" if b"%PDF-" in head[:PDF_HEADER_WITHIN] else None
    return "image/png" if guess.mime == "image/apng" else str(guess.mime)


def encoding(head: bytes) -> str | None:
    """Return the Unicode encoding in which `head` is text, or None for another encoding and for binary data."""
    for mark, codec in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return codec
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return None
    return "utf-8-sig" if is_text(head) else None


def is_text(head: bytes) -> bool:
    """Return whether `head` is text in any encoding.

    A code page gives a meaning to nearly every byte, so a text has no control characters and no known signature.
    """
    if head.startswith(tuple(mark for mark, _ in BYTE_ORDER_MARKS)):
        return True
    if head.translate(None, _BINARY_CONTROLS) != head or b"%PDF-" in head[:8]:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return mime_of(head) is None
    return True


def found_label(head: bytes) -> str:
    """Return a description of the file that begins with `head`, for users."""
    mime_type = mime_of(head)
    if mime_type is None:
        return "a text file" if is_text(head) else "something else"
    return LABELS.get(mime_type, f"of the type {mime_type}")


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Return an image's width and height in pixels, or None if they are not in `head`."""
    try:
        if head.startswith(PNG_SIGNATURE):
            return _png(head)
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return struct.unpack_from("<HH", head, 6)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(head)
        if head.startswith(b"\xff\xd8"):
            return _jpeg(head)
    except (struct.error, IndexError):  # the header is cut
        return None
    return None


def _check_image(name: str, head: bytes, file_type: FileType, max_pixels: int) -> None:
    if mime_of(head) != file_type.mime_type:
        raise ContentMismatchError(name, file_type.label, found_label(head))
    size = dimensions(head)
    if size is None or not all(size):
        raise ContentMismatchError(name, file_type.label, "damaged")
    if size[0] * size[1] > max_pixels:
        raise ImageTooLargeError(name, *size, max_pixels)


def _png(head: bytes) -> tuple[int, int] | None:
    return struct.unpack_from(">II", head, 16) if head[12:16] == b"IHDR" else None


def _webp(head: bytes) -> tuple[int, int] | None:
    chunk = head[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(_exactly(head, 24, 3), "little"), 1 + int.from_bytes(_exactly(head, 27, 3), "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(_exactly(head, 21, 4), "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        while head[at] == 0xFF and head[at + 1] == 0xFF:  # fill bytes
            at += 1
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 2 if marker in _JPEG_STANDALONE else 2 + int(struct.unpack_from(">H", head, at + 2)[0])


def _exactly(head: bytes, start: int, length: int) -> bytes:
    return struct.unpack_from(f"{length}s", head, start)[0]
