"""Text of uploaded files, in whatever encoding it is.

    text, encoding = text.decode(data)         # ("Größe", None); None: certain

UTF-8 and Unicode's byte order marks are certain. Everything else is guessed: `charset-normalizer` compares the code
pages that office programs write. The guess is returned with the text, so that the model can be told of it.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from attachments_s3 import content

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

CODE_PAGES = (
    "cp1252",  # Western Europe: first, because it wins a tie
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "koi8_r",
    "cp874",
    "cp932",  # Shift-JIS
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
)
SAMPLE_BYTES = 8 * 1024
USUAL_SIGNS = "€£¥§°–—‘’“”„…«»·•、。，！？：；（）「」"


def decode(data: bytes) -> tuple[str, str | None]:
    """Return the text of a file's first bytes, and the name of the encoding if it is a guess.

    An incomplete character at the end is dropped; an invalid byte elsewhere becomes U+FFFD.
    """
    certain = content.encoding(data[: content.HEAD_BYTES])
    codec = certain or guess(data)
    text = codecs.getincrementaldecoder(codec or "cp1252")("replace").decode(data, final=False)
    return text, None if certain else codec or "unknown"


def guess(data: bytes) -> str | None:
    """Return the most likely code page of a text that is not Unicode, or None."""
    from charset_normalizer import from_bytes  # 50 ms, and most texts are UTF-8

    sample = _sample(data)
    matches = from_bytes(sample, cp_isolation=list(CODE_PAGES), threshold=0.3)
    pages = [(match, page) for match in matches for page in CODE_PAGES if page in match.could_be_from_charset]

    def doubt(match: CharsetMatch, page: str) -> tuple[float, int, float, int]:
        return round(match.chaos, 1), _signs(sample, page), -round(match.coherence, 1), CODE_PAGES.index(page)

    return min(pages, key=lambda each: doubt(*each), default=(None, None))[1]


def _signs(sample: bytes, page: str) -> int:
    """Count characters outside ASCII that are neither letters nor usual in a text, such as ¿ and ³."""
    text = sample.decode(page, "replace")
    return sum(not (each.isascii() or each.isalpha() or each in USUAL_SIGNS) for each in text)


def _sample(data: bytes) -> bytes:
    """Return lines with letters outside ASCII, which alone tell code pages apart."""
    lines = [line for line in data[: 16 * SAMPLE_BYTES].splitlines(keepends=True) if not line.isascii()]
    return b"".join(lines)[:SAMPLE_BYTES]
