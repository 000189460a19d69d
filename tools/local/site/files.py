"""The built frontend as S3 behind CloudFront serves it: maps a path to a file and its headers.

    site = SiteFiles(ROOT / "frontend" / "dist", config={"apiUrl": "/chatkit", …})
    site.answer("/conversations/abc", {})            # index.html: a view of the app

Content types and cache lifetimes are the ones that `tools.stack.publish` uploads with. Files are read from the folder
for every request, so a new build appears at once; `config.json` is the given configuration and not a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tools.local.function.payload import HttpResponse
from tools.stack.publish import headers_of

DENIED = HttpResponse(
    403,
    [("content-type", "application/xml")],
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
)
"""S3's response for a missing object if the reader may not list the bucket, which CloudFront may not."""


def view_of(uri: str) -> str:
    """Return the path of the file for `uri`, by the rule of the template's CloudFront function SiteViews."""
    return uri if "." in uri.rsplit("/", 1)[-1] else "/index.html"


@dataclass(frozen=True)
class SiteFiles:
    """A folder of built files and the stack's configuration."""

    dist: Path
    config: Mapping[str, str | int]

    def answer(self, path: str, headers: Mapping[str, str]) -> HttpResponse:
        """Return the response to a GET of `path` (without query); names in `headers` are lower case."""
        name = unquote(view_of(path)).lstrip("/")
        content = self._content(name)
        if content is None:
            return DENIED
        described = headers_of(name)
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        fields = [("etag", tag), ("cache-control", described["CacheControl"])]
        if headers.get("if-none-match") == tag:
            return HttpResponse(304, fields)
        return HttpResponse(200, [("content-type", described["ContentType"]), *fields], content)

    def _content(self, name: str) -> bytes | None:
        if name == "config.json":
            return json.dumps(self.config, indent=2).encode()
        file = (self.dist / name).resolve()
        return file.read_bytes() if file.is_relative_to(self.dist.resolve()) and file.is_file() else None
