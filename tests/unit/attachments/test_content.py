"""Checks of a file's first bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attachments_s3 import content
from attachments_s3.errors import ContentMismatchError, ImageTooLargeError
from attachments_s3.policy import FILE_TYPES, FileType, Kind
from tests.contracts.attachments import ZIP, pdf, png
from tests.unit.attachments.samples import EXE, GZIP, HTML, gif, jpeg, webp
from tools.local.files import PDF, PNG

TYPES = {t.mime_type: t for t in FILE_TYPES}
GOOD = {
    "image/png": [PNG, png()],
    "image/jpeg": [jpeg()],
    "image/gif": [gif()],
    "image/webp": [webp("VP8"), webp("VP8L"), webp("VP8X")],
    "application/pdf": [PDF, pdf(), b"\n\n" + pdf()],
    "text/plain": [b"BMW sales", b"GIF8 is a format", "grüße".encode(), "grüße".encode("cp1252"), "ü".encode("utf-16")],
    "text/csv": [b"\xef\xbb\xbfa;b\r\n1;2"],
    "text/html": [HTML],
}


def check(head: bytes, file_type: FileType) -> None:
    content.check("a", head, file_type, max_pixels=1_000_000)


@pytest.mark.promise("A2")
@pytest.mark.parametrize("mime_type", GOOD)
def test_content_of_its_type_passes(mime_type: str) -> None:
    for head in GOOD[mime_type]:
        check(head, TYPES[mime_type])


@pytest.mark.promise("A2")
@pytest.mark.parametrize("file_type", FILE_TYPES, ids=lambda t: t.mime_type)
@pytest.mark.parametrize("head", [ZIP, EXE, GZIP, b"\0\1\2\3"], ids=["zip", "exe", "gzip", "binary"])
def test_archives_and_programs_pass_as_nothing(file_type: FileType, head: bytes) -> None:
    if head == ZIP and file_type.kind is Kind.OFFICE:  # an archive itself: test_completeness has its contents
        return
    with pytest.raises(ContentMismatchError):
        check(head, file_type)


@pytest.mark.promise("A2")
def test_no_type_passes_as_another() -> None:
    binary = {mime: heads for mime, heads in GOOD.items() if TYPES[mime].kind is not Kind.TEXT}
    for mime_type, heads in binary.items():
        for other in FILE_TYPES:
            if other.mime_type != mime_type:
                for head in heads:
                    with pytest.raises(ContentMismatchError):
                        check(head, other)


@pytest.mark.promise("A2")
@pytest.mark.parametrize("head", [HTML, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"plain"])
@pytest.mark.parametrize("file_type", [t for t in FILE_TYPES if t.inline], ids=lambda t: t.mime_type)
def test_text_never_passes_as_a_type_that_is_served_inline(file_type: FileType, head: bytes) -> None:
    with pytest.raises(ContentMismatchError, match="it is a text file"):
        check(head, file_type)


@pytest.mark.promise("A2")
@pytest.mark.parametrize(
    ("mime_type", "head"),
    [
        ("image/png", png(1_001, 1_000)),
        ("image/jpeg", jpeg(1_001, 1_000)),
        ("image/gif", gif(1_001, 1_000)),
        *(("image/webp", webp(kind, 1_001, 1_000)) for kind in ("VP8", "VP8L", "VP8X")),
    ],
)
def test_image_that_claims_too_many_pixels_is_refused(mime_type: str, head: bytes) -> None:
    with pytest.raises(ImageTooLargeError) as refused:
        check(head, TYPES[mime_type])
    assert (refused.value.width, refused.value.height) == (1_001, 1_000)


@pytest.mark.parametrize(
    ("mime_type", "head"),
    [("image/png", png()[:20]), ("image/png", png(0, 5)), ("image/jpeg", jpeg()[:30]), ("image/jpeg", jpeg(5, 0))],
)
def test_image_without_a_size_is_refused(mime_type: str, head: bytes) -> None:
    with pytest.raises(ContentMismatchError, match="damaged"):
        check(head, TYPES[mime_type])


def test_the_size_of_a_jpeg_is_behind_its_metadata() -> None:
    assert content.dimensions(jpeg(4000, 3000, metadata=300_000)) == (4000, 3000)


@given(st.binary(max_size=300), st.sampled_from(["", PNG, jpeg(), gif(), webp("VP8X"), webp("VP8L"), webp("VP8")]))
def test_no_bytes_break_the_parsers(tail: bytes, start: bytes | str) -> None:
    head = (start.encode() if isinstance(start, str) else start[: len(tail)]) + tail
    size = content.dimensions(head)
    assert size is None or (size[0] >= 0 and size[1] >= 0)
    for file_type in FILE_TYPES:
        with suppress(ContentMismatchError, ImageTooLargeError):
            check(head, file_type)


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_every_text_is_text_wherever_it_is_cut(text: str) -> None:
    raw = ("x" + text).encode()
    for end in range(1, len(raw) + 1):
        assert content.encoding(raw[:end]) == "utf-8-sig"
