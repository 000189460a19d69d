"""The S3 bucket that takes bodies too big for the table; the janitor and the account tool delete with it, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from store_dynamo.errors import RequestRefusedError
from store_dynamo.requests import Backoff, Requests

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_GONE_CODES = frozenset({"NoSuchKey", "404", "AccessDenied"})  # without s3:ListBucket a missing object is a 403


class OverflowBucket:
    """One S3 bucket, whose client the caller makes and closes."""

    def __init__(self, name: str, client: S3Client, backoff: Backoff | None = None) -> None:
        self.name = name
        self._client = client
        self._requests = Requests(backoff or Backoff())

    async def put(self, key: str, data: bytes) -> None:
        await self._requests.send(self._client.put_object, Bucket=self.name, Key=key, Body=data)

    async def get(self, key: str) -> bytes | None:
        """Return an object, or None when there is none."""

        def read(**parameters: Any) -> bytes:
            answer = self._client.get_object(**parameters)
            with answer["Body"] as body:
                return body.read()

        try:
            return await self._requests.send(read, Bucket=self.name, Key=key)
        except RequestRefusedError as error:
            if error.code in _GONE_CODES:
                return None
            raise

    async def list(self, prefix: str) -> AsyncIterator[list[str]]:
        """Yield the keys under a prefix, up to 1 000 at a time; those deleted meanwhile make no gap."""
        more: dict[str, Any] = {}
        while True:
            answer = await self._requests.send(self._client.list_objects_v2, Bucket=self.name, Prefix=prefix, **more)
            if keys := [each.get("Key", "") for each in answer.get("Contents", [])]:
                yield keys
            if not (token := answer.get("NextContinuationToken")):
                return
            more = {"ContinuationToken": token}

    async def areas(self) -> list[str]:
        """Return the bucket's first-level prefixes, each ending with a slash."""
        answer = await self._requests.send(self._client.list_objects_v2, Bucket=self.name, Delimiter="/")
        return [each.get("Prefix", "") for each in answer.get("CommonPrefixes", [])]

    async def delete(self, *keys: str) -> None:
        """Delete objects; unknown ones are no error. Raises RequestRefusedError for the first that stays."""
        for n in range(0, len(keys), 1_000):
            objects: Any = [{"Key": key} for key in keys[n : n + 1_000]]
            answer = await self._requests.send(
                self._client.delete_objects, Bucket=self.name, Delete={"Objects": objects, "Quiet": True}
            )
            for fault in answer.get("Errors", []):
                raise RequestRefusedError("delete_objects", fault.get("Code", ""), "-")
