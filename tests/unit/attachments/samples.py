"""Small files of every kind with the headers that a test needs."""

from __future__ import annotations

import struct


def jpeg(width: int = 3, height: int = 2, *, metadata: int = 0) -> bytes:
    """Return a JPEG with its header after `metadata` bytes of APP1 segments, as phones write them."""
    segments = b""
    while metadata > 0:
        length = min(metadata, 65_533)
        segments += b"\xff\xe1" + struct.pack(">H", length + 2) + b"x" * length
        metadata -= length
    quantization = b"\xff\xdb\x00\x43" + b"\x01" * 65
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\x01\x11\x00" * 3
    start = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    scan = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00" + b"\x55" * 8
    return start + segments + quantization + frame + scan + b"\xff\xd9"


def gif(width: int = 3, height: int = 2) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


def webp(kind: str, width: int = 3, height: int = 2) -> bytes:
    """Return the header of a lossy (VP8), lossless (VP8L) or extended (VP8X) WebP."""
    if kind == "VP8":
        chunk = b"VP8 " + b"\0\0\0\0" + b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    elif kind == "VP8L":
        bits = (width - 1) | (height - 1) << 14
        chunk = b"VP8L" + b"\0\0\0\0" + b"\x2f" + bits.to_bytes(4, "little")
    else:
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunk = b"VP8X" + b"\0\0\0\0" + b"\x10\0\0\0" + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


HTML = b"<!doctype html><script>alert(1)</script>"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"\0" * 48
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\0" * 20
