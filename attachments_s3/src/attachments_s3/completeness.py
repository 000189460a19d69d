"""Completeness checks: whether an image or a document goes on to its end.

    completeness.check("scan.png", PNG, size=81_000, head=data, tail=data)

A file that was cut off, by a broken download or a full card, begins correctly. A model refuses it, and with it every
later request of its conversation, so it is refused here first. No decoder is shipped for this: each format marks its
end.

| format | the end | with the whole file at hand |
|---|---|---|
| PNG (W3C PNG §5.6, §10) | the chunk IEND | critical chunks have their CRC, the image data decompresses to its end |
| JPEG (ITU T.81 §B.1.1.3) | the marker EOI, or a camera's data behind it | EOI follows the scan, not only a thumbnail |
| GIF (GIF89a §27) | the trailer | |
| WebP (RFC 9649 §2.3) | RIFF's size is within the file's | |
| PDF (ISO 32000-1 §7.5.5, F.2) | `%%EOF`, and the offset before it is within the file | |
| Office (APPNOTE.TXT §4.3.16) | the directory of the ZIP archive, with the parts of the format | |
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from attachments_s3.errors import ContentMismatchError
from attachments_s3.policy import FileType

TAIL_BYTES = 64 * 1024 + 22
"""The directory's end record of a ZIP archive and the longest comment behind it."""
PDF_END_WITHIN = 2048
MAX_INFLATED_BYTES = 32 * 1024 * 1024
PNG_END = b"IEND\xaeB`\x82"
CRITICAL_CHUNKS = (b"IHDR", b"PLTE", b"IDAT")
CAMERA_TRAILERS = (b"SEFT", b"moov", b"mdat", b"MotionPhoto")
"""Marks of data behind EOI: Samsung's trailer, and the film of a motion photo."""
PARTS = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word/",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xl/",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "ppt/",
}
"""The folder of the archive that each Office format has."""


def check(name: str, file_type: FileType, *, size: int, head: bytes, tail: bytes) -> None:
    """Refuse a file that ends too early. `head` and `tail` are its first and last bytes; both may be the whole.

    Raises ContentMismatchError.
    """
    whole = head if len(head) >= size else None
    match file_type.mime_type:
        case "image/png":
            complete = PNG_END in tail and (whole is None or _png(whole))
        case "image/jpeg":
            complete = _jpeg(whole) if whole is not None else b"\xff\xd9" in tail or _has(tail, CAMERA_TRAILERS)
        case "image/gif":
            complete = tail.rstrip(b"\0\r\n").endswith(b";")
        case "image/webp":
            complete = int.from_bytes(head[4:8], "little") + 8 <= size
        case "application/pdf":
            complete = _pdf(size, head, tail)
        case mime_type if mime_type in PARTS:
            complete = _office(PARTS[mime_type], tail)
        case _:
            complete = True
    if not complete:
        raise ContentMismatchError(name, file_type.label, "incomplete or damaged")


def _has(data: bytes, marks: tuple[bytes, ...]) -> bool:
    return any(mark in data for mark in marks)


def _png(data: bytes) -> bool:
    """Return whether the critical chunks are intact and the image data decompresses to its end."""
    at, inflate, inflated = 8, zlib.decompressobj(), 0
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body, crc = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if kind in CRITICAL_CHUNKS and zlib.crc32(kind + body).to_bytes(4) != crc:
            return False
        if kind == b"IEND":
            return inflate.eof or inflated >= MAX_INFLATED_BYTES
        if kind == b"IDAT" and inflated < MAX_INFLATED_BYTES:
            try:
                inflated += len(inflate.decompress(body, MAX_INFLATED_BYTES - inflated))
            except zlib.error:
                return False
        at += 12 + length
    return False


def _jpeg(data: bytes) -> bool:
    """Return whether EOI follows the beginning of the scan. Segments before it, such as a thumbnail, are skipped."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:  # start of scan
            return data.find(b"\xff\xd9", at) > 0
        at += 1 if marker == 0xFF else 2 if 0xD0 <= marker <= 0xD8 or marker == 0x01 else 2 + _length(data, at + 2)
    return False


def _length(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _pdf(size: int, head: bytes, tail: bytes) -> bool:
    """Return whether a PDF has its end. A linearized one has an end near its beginning, too, and states its length."""
    end = tail[-PDF_END_WITHIN:]
    if b"%%EOF" not in end:
        return False
    offsets: list[bytes] = re.findall(rb"startxref\s+(\d{1,12})", end)
    if offsets and int(offsets[-1]) >= size:
        return False
    linearized = re.search(rb"/Linearized\b[^>]{0,200}?/L\s+(\d{1,12})", head[:2048])
    return linearized is None or int(linearized[1]) <= size


def _office(folder: str, tail: bytes) -> bool:
    """Return whether the archive's directory is complete and lists the parts of the format."""
    try:
        with zipfile.ZipFile(io.BytesIO(tail)) as archive:
            listed = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError):
        return False
    return "[Content_Types].xml" in listed and any(each.startswith(folder) for each in listed)
