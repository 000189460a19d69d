"""Completeness: files that were cut off are refused, whole ones of all programs pass."""

from __future__ import annotations

import io
import random
import zipfile
import zlib

import pytest
from PIL import Image

from attachments_s3 import completeness
from attachments_s3.errors import ContentMismatchError
from attachments_s3.policy import FILE_TYPES, OPEN_XML
from tools.local.files import PDF

TYPES = {t.mime_type: t for t in FILE_TYPES}
WORD, EXCEL = f"{OPEN_XML}.wordprocessingml.document", f"{OPEN_XML}.spreadsheetml.sheet"


def picture(kind: str, size: int = 90, **options: object) -> bytes:
    """Return an image of noise, which does not compress, as Pillow writes it."""
    noise = Image.frombytes("RGB", (size, size), random.Random(1).randbytes(size * size * 3))
    noise.save(out := io.BytesIO(), kind, **options)
    return out.getvalue()


def office(*names: str) -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", *names):
            archive.writestr(name, f"<{name}/>" * 20)
    return out.getvalue()


FILES = {
    "png": ("image/png", picture("PNG")),
    "interlaced png": ("image/png", picture("PNG", interlace=1)),
    "jpeg": ("image/jpeg", picture("JPEG")),
    "progressive jpeg": ("image/jpeg", picture("JPEG", progressive=True)),
    "gif": ("image/gif", picture("GIF")),
    "webp": ("image/webp", picture("WEBP")),
    "pdf": ("application/pdf", PDF),
    "word": (WORD, office("word/document.xml")),
    "excel": (EXCEL, office("xl/workbook.xml")),
}


def complete(mime_type: str, data: bytes, known: int | None = None) -> bool:
    """Check a file of which `known` first bytes, and the tail, are at hand."""
    head, tail = data[: known or len(data)], data[-min(completeness.TAIL_BYTES, known or len(data)) :]
    try:
        completeness.check("a", TYPES[mime_type], size=len(data), head=head, tail=tail)
    except ContentMismatchError as error:
        return "it is incomplete or damaged" not in error.message
    return True


@pytest.mark.promise("A3")
@pytest.mark.parametrize("kind", FILES)
def test_a_whole_file_passes(kind: str) -> None:
    mime_type, data = FILES[kind]
    assert complete(mime_type, data)
    assert complete(mime_type, data, known=len(data) // 2)


@pytest.mark.promise("A3")
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_off_is_refused(kind: str, part: float) -> None:
    mime_type, data = FILES[kind]
    cut = data[: int(len(data) * part)]
    assert not complete(mime_type, cut)
    assert not complete(mime_type, cut, known=len(cut) // 2)


def test_a_png_whose_data_is_short_is_refused_although_it_ends() -> None:
    data = FILES["png"][1]
    at = data.index(b"IDAT") - 4
    length = int.from_bytes(data[at : at + 4]) // 2
    body = data[at + 8 : at + 8 + length]
    chunk = length.to_bytes(4) + b"IDAT" + body + zlib.crc32(b"IDAT" + body).to_bytes(4)
    assert not complete("image/png", data[:at] + chunk + b"\0\0\0\0" + completeness.PNG_END)


def test_a_changed_byte_in_a_png_is_seen() -> None:
    data = bytearray(FILES["png"][1])
    data[len(data) // 2] ^= 1
    assert not complete("image/png", bytes(data))


def test_a_thumbnail_is_not_the_end_of_a_photo() -> None:
    photo, thumbnail = FILES["jpeg"][1], picture("JPEG", 20)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2) + thumbnail
    with_thumbnail = photo[:2] + segment + photo[2:]
    assert complete("image/jpeg", with_thumbnail)
    assert not complete("image/jpeg", with_thumbnail[: len(segment) + 2 + len(photo) // 2])


@pytest.mark.parametrize("trailer", [b"\0" * 40, b"SEFT" + b"x" * 100_000, b"....ftypmp42moov" + b"x" * 9_000])
def test_what_a_camera_appends_is_allowed(trailer: bytes) -> None:
    assert complete("image/jpeg", FILES["jpeg"][1] + trailer)


def test_a_pdf_may_have_bytes_behind_its_end_and_updates() -> None:
    assert complete("application/pdf", PDF + b"\n" * 500)
    assert complete("application/pdf", PDF + b"1 0 obj<<>>endobj\nstartxref\n9\n%%EOF\n")
    assert complete("application/pdf", b"%PDF-1.4\n%%EOF")


def test_a_linearized_pdf_that_was_cut_off_is_refused() -> None:
    head = b"%PDF-1.5\n1 0 obj<</Linearized 1/L 50000/H[ 1 2]/O 3/E 4/N 1/T 5>>endobj\nstartxref\n0\n%%EOF\n"
    assert not complete("application/pdf", head)


def test_an_archive_is_no_document_of_another_kind() -> None:
    assert not complete(WORD, FILES["excel"][1])
    assert not complete(EXCEL, office("notes.txt"))


def test_no_bytes_break_the_parsers() -> None:
    noise = random.Random(2)
    for mime_type, data in FILES.values():
        for _ in range(60):
            broken = bytearray(data)
            for _ in range(5):
                broken[noise.randrange(len(broken))] = noise.randrange(256)
            complete(mime_type, bytes(broken))
