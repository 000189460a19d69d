"""The S3 bucket: all requests to AWS, in threads of their own, with AWS's errors translated.

    bucket = Bucket("chat-files", boto3.client("s3", config=s3_config()))
    found = await bucket.read("files/ann/atc_1", 65_536)

Presigned URLs are computed locally; every other method is one request. The client needs `s3_config`:

- `s3v4`: boto3's default presigns with SigV2 in some regions, which does not bind length and type.
- `virtual`: boto3 otherwise signs for the global host name, which answers 307 for a new bucket in another region, and
  browsers do not follow that for a PUT. The host is `{bucket}.s3.{region}.amazonaws.com`, which a CSP can name.
- `when_required`: otherwise the browser may have to send a checksum.

asyncio's default executor, which has five or six threads on Lambda, also runs an agent's blocking tools. Files that
used it would wait for them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError

from attachments_s3.errors import NETWORK_ERRORS, ObjectMissingError, StorageError, UnsignedLengthError, from_aws

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")

logger = logging.getLogger(__name__)

THREADS = ThreadPoolExecutor(20, "attachments_s3")
"""The threads of all requests, one per connection. A thread starts only when all others are busy."""


def s3_config() -> Config:
    """Return the configuration that this package needs in its S3 client.

    The host name is regional in us-east-1 as well, where botocore would use the global one, because a page's content
    security policy names the bucket's `RegionalDomainName`.
    """
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=2,
        read_timeout=15,
        max_pool_connections=20,
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's size in bytes, headers, and the requested bytes."""

    size: int
    mime_type: str
    etag: str
    encoding: str
    data: bytes


class Bucket:
    """One bucket, whose requests run in `threads`. Raises ObjectMissingError, PreconditionError and StorageError."""

    def __init__(self, name: str, client: S3Client, threads: Executor = THREADS) -> None:
        self.name = name
        self._client = client
        self._threads = threads

    @property
    def is_local(self) -> bool:
        """Whether presigned URLs work on this machine or its network only."""
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return "." not in host or host.endswith((".localhost", ".local", ".internal"))

    def presign_put(self, key: str, mime_type: str, size: int, seconds: int) -> str:
        """Return a URL that accepts uploads of exactly `size` bytes of `mime_type` for `seconds`.

        Raises UnsignedLengthError if the client does not sign the length.
        """
        params = {"Bucket": self.name, "Key": key, "ContentType": mime_type, "ContentLength": size}
        url = self._client.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)
        if "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost&" not in url:
            raise UnsignedLengthError
        return url

    def presign_get(self, key: str, seconds: int) -> str:
        """Return a URL of the object that works for `seconds`."""
        params = {"Bucket": self.name, "Key": key}
        return self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)

    async def read(self, key: str, limit: int) -> Stored:
        """Return an object's facts and its first bytes, 1 to `limit`, with one request.

        A read of one byte replaces HeadObject, whose errors have no distinguishable codes.
        """
        return await self._call("GetObject", lambda: self._read(key, limit))

    def _read(self, key: str, limit: int | None, start: int = 0) -> Stored:
        end = "" if limit is None else start + limit - 1
        found = self._client.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{end}")
        with found["Body"] as body:
            data = body.read(limit)  # a server may ignore Range
        total = int(found.get("ContentRange", "").rpartition("/")[2] or found["ContentLength"])
        return Stored(total, found.get("ContentType", ""), found["ETag"], found.get("ContentEncoding", ""), data)

    async def read_end(self, key: str, start: int) -> Stored:
        """Return an object's facts and its bytes from `start` on, with one request."""
        return await self._call("GetObject", lambda: self._read(key, None, start))

    async def copy(self, source: str, target: str, etag: str, mime_type: str, disposition: str) -> str:
        """Copy the version `etag` of `source` to `target`, which must not exist, and return the copy's ETag."""
        copied = await self._call(
            "CopyObject",
            lambda: self._client.copy_object(
                Bucket=self.name,
                Key=target,
                CopySource={"Bucket": self.name, "Key": source},
                CopySourceIfMatch=etag,
                IfNoneMatch="*",
                MetadataDirective="REPLACE",
                ContentType=mime_type,
                ContentDisposition=disposition,
            ),
        )
        return copied["CopyObjectResult"].get("ETag", "")

    async def put(self, key: str, data: bytes, mime_type: str, disposition: str) -> str:
        """Store `data` and return its ETag."""
        stored = await self._call(
            "PutObject",
            lambda: self._client.put_object(
                Bucket=self.name, Key=key, Body=data, ContentType=mime_type, ContentDisposition=disposition
            ),
        )
        return stored["ETag"]

    async def delete(self, *keys: str) -> None:
        """Delete up to 1 000 objects. Missing objects count as deleted."""
        listed: Any = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = await self._call("DeleteObjects", lambda: self._client.delete_objects(Bucket=self.name, Delete=listed))
        if errors := answer.get("Errors"):
            raise StorageError("DeleteObjects", errors[0].get("Code", "Unknown"))

    async def _call(self, operation: str, request: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, request)
        except (ClientError, *NETWORK_ERRORS) as exc:
            error = from_aws(exc, operation)
            if isinstance(error, ObjectMissingError) and error.aws_code == "AccessDenied":
                logger.warning("S3 denies %s: the object does not exist, or the role lacks a permission", operation)
            raise error from exc
