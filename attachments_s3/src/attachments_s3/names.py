"""File names: cleaned for display and encoded for `Content-Disposition`.

    names.clean("../Bild\u202e ü.png")                       # "Bild ü.png"
    names.content_disposition("Bild ü.png", inline=True)    # inline; filename="Bild u.png"; filename*=UTF-8''…

A name is shown and downloaded, never used as a path or key. `clean` keeps the recognizable part: the last path segment,
in Unicode's composed form, without characters that are invisible or reverse the text (U+202E makes `gpj.exe` look like
`exe.jpg`). It does not shorten: a name above the limit is refused.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from attachments_s3.errors import InvalidNameError

MAX_NAME_CHARS = 255  # as in NTFS, APFS and ext4, but in characters instead of bytes
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

    Raises InvalidNameError if it is empty then or longer than MAX_NAME_CHARS.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "ignore").decode())
    name = re.split(r"[/\\]", name)[-1]
    visible = (c for c in name if c in _JOINERS or unicodedata.category(c) not in _HIDDEN or c in "\t\r\n")
    name = " ".join("".join(visible).split()).rstrip(". ")
    if not name.strip(".\u200c\u200d "):
        raise InvalidNameError(0, MAX_NAME_CHARS)
    if len(name) > MAX_NAME_CHARS:
        raise InvalidNameError(len(name), MAX_NAME_CHARS)
    return name


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
