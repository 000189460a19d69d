"""All known ways to misuse a presigned PUT, as HTTP requests.

An entry of `BAD_UPLOADS` takes the good request and returns the bad one. `expired` and `SigV2` are signed again with
the right key, as a careless server might do; `re-signed` has a wrong key, like a forgery. `GOOD_UPLOADS` are the
controls, because a server that refuses everything proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "eu-west-1"


@dataclass(frozen=True)
class Upload:
    """A request, and the key with which a careless server would sign it."""

    url: str
    headers: dict[str, str]
    body: bytes
    access_key: str
    secret_key: str = field(repr=False)
    method: str = "PUT"
    chunked: bool = False

    def send(self, browser: httpx.Client) -> int:
        """Return the server's status, or 0 if it closes the connection without a response."""
        content = _pieces(self.body) if self.chunked else self.body
        try:
            return browser.request(self.method, self.url, headers=self.headers, content=content).status_code
        except httpx.RemoteProtocolError:
            return 0


def _pieces(body: bytes) -> Iterator[bytes]:
    yield body


def _query(upload: Upload, **changes: str) -> Upload:
    parts = urlsplit(upload.url)
    query = urlencode({**dict(parse_qsl(parts.query)), **changes})
    return replace(upload, url=urlunsplit(parts._replace(query=query)))


def _tampered(upload: Upload) -> Upload:
    signature = dict(parse_qsl(urlsplit(upload.url).query))["X-Amz-Signature"]
    return _query(upload, **{"X-Amz-Signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")})


def _other_key(upload: Upload) -> Upload:
    return replace(upload, url=upload.url.replace("/pending/ann/", "/pending/bob/"))


def _into_files(upload: Upload) -> Upload:
    return replace(upload, url=upload.url.replace("/pending/", "/files/"))


def _longer(upload: Upload) -> Upload:
    return replace(upload, body=upload.body + b"x")


def _shorter(upload: Upload) -> Upload:
    return replace(upload, body=upload.body[:-1])


def _empty(upload: Upload) -> Upload:
    return replace(upload, body=b"")


def _other_type(upload: Upload) -> Upload:
    return replace(upload, headers={"Content-Type": "text/html"})


def _missing_header(upload: Upload) -> Upload:
    return replace(upload, headers={})


def _added_header(upload: Upload) -> Upload:
    return replace(upload, headers={**upload.headers, "x-amz-meta-a": "b"})


def _added_acl(upload: Upload) -> Upload:
    return replace(upload, headers={**upload.headers, "x-amz-acl": "public-read"})


def _chunked(upload: Upload) -> Upload:
    return replace(upload, chunked=True)


def _longer_life(upload: Upload) -> Upload:
    return _query(upload, **{"X-Amz-Expires": "604800"})


def _unsigned(upload: Upload) -> Upload:
    return replace(upload, url=upload.url.partition("?")[0])


def _fewer_signed_headers(upload: Upload) -> Upload:
    return _query(_other_type(upload), **{"X-Amz-SignedHeaders": "host"})


def _other_secret(upload: Upload) -> Upload:
    return _signed_v4(upload, Credentials(upload.access_key, "not-the-secret"), datetime.now(UTC))


def _expired(upload: Upload) -> Upload:
    key = Credentials(upload.access_key, upload.secret_key)
    return _signed_v4(upload, key, datetime.now(UTC) - timedelta(seconds=601))


def _signed_v4(upload: Upload, key: Credentials, now: datetime) -> Upload:
    headers = {**upload.headers, "Content-Length": str(len(upload.body))}
    request = AWSRequest(method="PUT", url=upload.url.partition("?")[0], headers=headers)
    with patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        S3SigV4QueryAuth(key, "s3", REGION, expires=600).add_auth(request)
    return replace(upload, url=request.url)


def _sigv2(upload: Upload) -> Upload:
    url = upload.url.partition("?")[0]
    request = AWSRequest(method="PUT", url=url, headers=upload.headers, auth_path=urlsplit(url).path)
    HmacV1QueryAuth(Credentials(upload.access_key, upload.secret_key), expires=600).add_auth(request)
    return replace(upload, url=request.url)


def _fresh(upload: Upload) -> Upload:
    return _signed_v4(upload, Credentials(upload.access_key, upload.secret_key), datetime.now(UTC))


GOOD_UPLOADS: dict[str, Callable[[Upload], Upload]] = {
    "as handed out": lambda upload: upload,
    "signed by this test": _fresh,
}

BAD_UPLOADS: dict[str, Callable[[Upload], Upload]] = {
    "tampered signature": _tampered,
    "another user's key": _other_key,
    "key under files/": _into_files,
    "method POST": lambda upload: replace(upload, method="POST"),
    "method DELETE": lambda upload: replace(upload, method="DELETE", body=b""),
    "expired": _expired,
    "longer life": _longer_life,
    "longer body": _longer,
    "shorter body": _shorter,
    "empty body": _empty,
    "no length": _chunked,
    "other content type": _other_type,
    "fewer signed headers": _fewer_signed_headers,
    "missing header": _missing_header,
    "added header": _added_header,
    "added ACL": _added_acl,
    "SigV2": _sigv2,
    "re-signed": _other_secret,
    "unsigned": _unsigned,
}
