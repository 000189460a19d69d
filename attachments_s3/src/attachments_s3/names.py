"""File names: cleaned for display and encoded for `Content-Disposition`.

    names.clean("../Bild\u202e ü.png")                       # "Bild ü.png"
    names.content_disposition("Bild ü.png", inline=True)    # inline; filename="Bild u.png"; filename*=UTF-8''…
    names.visible("Trip\u202e\nto Rome")                     # "Trip to Rome", for any other one-line text

A name is shown and downloaded, never used as a path or key. `clean` keeps the recognizable part: the last path segment,
in Unicode's composed form, without characters that are invisible or reverse the text (U+202E makes `gpj.exe` look like
`exe.jpg`). It does not shorten: a name above the limit is refused.

`unicodedata.normalize` takes quadratic time for a letter with many combining marks (40 s for 240 KB), so the length is
checked first.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from attachments_s3.errors import InvalidNameError

MAX_NAME_CHARS = 255  # as in NTFS, APFS and ext4, but in characters instead of bytes
MAX_RAW_CHARS = 1_024  # of a name with its path, before it is cleaned
MAX_STEM_BYTES = 200  # of the download name: S3 allows 2 KB of system metadata, and a byte becomes three

# Categories of invisible characters: controls, formats (bidi overrides), surrogates, unassigned, and line and paragraph
# separators. The two joiners shape Persian and Indic words and emoji.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_NOT_QUOTABLE = re.compile(r"[^ !#$&+\-.0-9A-Z^_`a-z{}~()\[\],=@]")
# RFC 5987, attr-char: allowed in `filename*` without percent-encoding.
_ATTR_CHAR = "!#$&+-.^_`|~"


def clean(name: str) -> str:
    """Return the name to show and store.

    Raises InvalidNameError if it is empty then, longer than MAX_NAME_CHARS, or longer than MAX_RAW_CHARS before.
    """
    if len(name) > MAX_RAW_CHARS:
        raise InvalidNameError(len(name), MAX_NAME_CHARS)
    name = re.split(r"[/\\]", _composed(name))[-1]
    name = _one_line(name).rstrip(". ")
    if not name.strip(".\u200c\u200d "):
        raise InvalidNameError(0, MAX_NAME_CHARS)
    if len(name) > MAX_NAME_CHARS:
        raise InvalidNameError(len(name), MAX_NAME_CHARS)
    return name


def visible(text: str) -> str:
    """Return a text as one line in composed form, without invisible characters and those that reverse it.

    The result is empty if nothing visible remains. Characters after the first MAX_RAW_CHARS are dropped.
    """
    line = _one_line(_composed(text[:MAX_RAW_CHARS]))
    return line if line.strip("\u200c\u200d ") else ""


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())


def _one_line(text: str) -> str:
    shown = (c for c in text if c in _JOINERS or unicodedata.category(c) not in _HIDDEN or c in "\t\r\n")
    return " ".join("".join(shown).split())


def extension(name: str) -> str:
    """Return the extension in lower case with its dot, or an empty string."""
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem and last else ""


def content_disposition(name: str, *, inline: bool) -> str:
    """Return the header that makes browsers save the file under this name (RFC 6266, with an ASCII fallback)."""
    name = _shortened(name)
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fallback = _NOT_QUOTABLE.sub("_", ascii_name).strip() or "file"
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"


def _shortened(name: str) -> str:
    """Shorten the stem of a name that does not fit into S3's metadata, and keep the extension."""
    ending = extension(name) if len(extension(name)) <= 16 else ""
    stem = name[: len(name) - len(ending)]
    return stem.encode()[:MAX_STEM_BYTES].decode("utf-8", "ignore") + name[len(stem) :]
