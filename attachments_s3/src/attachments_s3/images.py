"""The size an image claims, read from its header without decoding anything.

A decompression bomb is a small file that says 60 000 × 60 000: whoever decodes it allocates gigabytes. The claim stands
in the first bytes of PNG (W3C PNG §11.2.2), GIF (GIF89a §18) and WebP (RFC 9649), and in JPEG (ITU T.81 §B.2.2) behind
however many metadata segments the camera wrote.
"""

from __future__ import annotations

import struct

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers; C4, C8 and CC are tables and reserved.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels, or None when `head` does not hold them."""
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
