"""Requests to AWS: signatures, parameters, and the translation of errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from chatkit.types import AttachmentCreateParams

from attachments_s3 import S3AttachmentStore, content, s3_config
from attachments_s3.bucket import Bucket
from attachments_s3.errors import (
    AttachmentError,
    GoneError,
    ObjectMissingError,
    PreconditionError,
    StorageError,
    UnsignedLengthError,
    from_aws,
)
from tests.contracts.attachments import ANN, User, World, png
from tests.unit.attachments.samples import jpeg
from tools.local.ministack import free_port

PARAMS = AttachmentCreateParams(name="a.png", mime_type="image/png", size=5)


def client(config: Config, region: str = "eu-west-1", endpoint: str | None = None) -> Any:
    key: Any = {"aws_access_key_id": "AK", "aws_secret_access_key": "secret", "region_name": region}
    return boto3.client("s3", config=config, endpoint_url=endpoint, **key)


def store(s3: Any, **options: Any) -> S3AttachmentStore[User]:
    return S3AttachmentStore(bucket="files", client=s3, user_of=lambda user: user.user_id, **options)


@pytest.fixture
def stubbed() -> Iterator[tuple[S3AttachmentStore[User], Stubber]]:
    s3 = client(s3_config())
    with Stubber(s3) as stubber:
        yield store(s3), stubber
        stubber.assert_no_pending_responses()
    s3.close()


class TestPresigning:
    @pytest.mark.promise("A1")
    @pytest.mark.parametrize("config", [None, Config(signature_version="s3")], ids=["default", "sigv2"])
    async def test_client_that_would_not_sign_the_length_is_refused(self, config: Config | None) -> None:
        s3 = client(config or Config(), region="us-east-1")
        with pytest.raises(UnsignedLengthError):
            await store(s3).create_attachment(PARAMS, ANN)
        s3.close()

    @pytest.mark.parametrize("region", ["eu-west-1", "eu-central-2", "ap-southeast-1"])
    async def test_url_names_the_region_so_that_no_redirect_comes(self, region: str) -> None:
        s3 = client(s3_config(), region)
        attachment = await store(s3).create_attachment(PARAMS, ANN)
        assert str(attachment.upload_descriptor and attachment.upload_descriptor.url).startswith(
            f"https://files.s3.{region}.amazonaws.com/pending/ann/{attachment.id}?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
        )
        s3.close()

    @pytest.mark.promise("A1")
    @pytest.mark.parametrize("seconds", [0, -1, 601])
    def test_upload_lives_ten_minutes_at_most(self, seconds: int) -> None:
        s3 = client(s3_config())
        with pytest.raises(ValueError, match="1 to 600"):
            store(s3, upload_seconds=seconds)
        s3.close()

    @pytest.mark.promise("A8")
    @pytest.mark.parametrize(
        ("endpoint", "local"),
        [
            (None, False),
            ("https://s3.example.com", False),
            ("http://127.0.0.1:9000", True),
            ("http://[::1]:9000", True),
            ("http://localhost:9000", True),
            ("http://minio:9000", True),
            ("http://10.0.0.5:9000", True),
            ("http://s3.localhost:9000", True),
        ],
    )
    def test_local_endpoint_is_recognised(self, endpoint: str | None, local: bool) -> None:
        s3 = client(s3_config(), endpoint=endpoint)
        assert store(s3).is_local is local
        s3.close()


class TestErrors:
    @pytest.mark.parametrize(
        ("operation", "code", "error"),
        [
            ("GetObject", "NoSuchKey", ObjectMissingError),
            ("GetObject", "AccessDenied", ObjectMissingError),
            ("GetObject", "InvalidRange", ObjectMissingError),
            ("CopyObject", "NoSuchKey", ObjectMissingError),
            ("CopyObject", "PreconditionFailed", PreconditionError),
            ("CopyObject", "ConditionalRequestConflict", PreconditionError),
            ("PutObject", "AccessDenied", StorageError),
            ("DeleteObjects", "AccessDenied", StorageError),
            ("GetObject", "NoSuchBucket", StorageError),
            ("GetObject", "ExpiredToken", StorageError),
            ("GetObject", "SignatureDoesNotMatch", StorageError),
            ("GetObject", "SlowDown", StorageError),
            ("GetObject", "InternalError", StorageError),
        ],
    )
    def test_aws_code_becomes_an_error_of_ours(self, operation: str, code: str, error: type[AttachmentError]) -> None:
        found = from_aws(ClientError({"Error": {"Code": code}}, operation), operation)
        assert type(found) is error
        assert getattr(found, "aws_code", code) == code

    async def test_server_that_does_not_answer_is_a_storage_error(self) -> None:
        config = s3_config().merge(Config(retries={"total_max_attempts": 1}))
        s3 = client(config, endpoint=f"http://127.0.0.1:{free_port()}")
        with pytest.raises(StorageError) as failed:
            await Bucket("files", s3).read("files/ann/x", 1)
        assert failed.value.aws_code == "EndpointConnectionError"
        assert "127.0.0.1" not in str(failed.value)
        s3.close()

    async def test_partly_failed_delete_is_an_error(self, stubbed: tuple[S3AttachmentStore[User], Stubber]) -> None:
        files, stubber = stubbed
        stubber.add_response("delete_objects", {"Errors": [{"Key": "x", "Code": "InternalError"}]})
        with pytest.raises(StorageError) as failed:
            await files.delete_attachment("atc_1", ANN)
        assert failed.value.aws_code == "InternalError"

    async def test_denied_read_is_logged_because_it_may_be_a_missing_right(
        self, stubbed: tuple[S3AttachmentStore[User], Stubber], caplog: pytest.LogCaptureFixture, world: World
    ) -> None:
        files, stubber = stubbed
        attachment = await world.accepted("a.txt", "text/plain", b"x")
        stubber.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(GoneError):
            await files.read(attachment, ANN, 5)
        assert "S3 denies GetObject" in caplog.text


class TestCopy:
    """Conditions that local servers ignore: our requests, and S3's documented answers."""

    async def _verified(self, world: World) -> Any:
        return await world.store.verify(await world.uploaded("a.png", "image/png", png()), ANN)

    @pytest.mark.promise("A1")
    async def test_copy_takes_the_verified_version_and_replaces_nothing(self, world: World) -> None:
        verified = await self._verified(world)
        asked: list[dict[str, Any]] = []
        world.client.meta.events.register("before-call.s3.CopyObject", lambda params, **_: asked.append(params))
        await world.store.accept(verified, ANN)
        headers = asked[0]["headers"]
        assert headers["x-amz-copy-source-if-match"] == verified.metadata["s3"]["etag"]
        assert headers["If-None-Match"] == "*"
        assert headers["x-amz-metadata-directive"] == "REPLACE"

    @pytest.mark.promise("A3")
    async def test_target_that_exists_was_accepted_before(
        self, stubbed: tuple[S3AttachmentStore[User], Stubber], world: World
    ) -> None:
        files, stubber = stubbed
        verified = await self._verified(world)
        stubber.add_client_error("copy_object", "PreconditionFailed", http_status_code=412)
        there = {"ContentLength": 1, "ContentRange": f"bytes 0-0/{len(png())}", "ContentType": "image/png"}
        stubber.add_response("get_object", {**there, "ETag": '"first"', "Body": _Body(b"\x89")})
        accepted = await files.accept(verified, ANN)
        assert accepted.metadata == {"s3": {"size": len(png()), "state": "stored", "etag": '"first"'}}

    async def test_pending_object_that_cannot_be_deleted_is_left_to_the_lifecycle(
        self, stubbed: tuple[S3AttachmentStore[User], Stubber], world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        files, stubber = stubbed
        verified = await self._verified(world)
        stubber.add_response("copy_object", {"CopyObjectResult": {"ETag": '"copy"'}})
        stubber.add_client_error("delete_objects", "SlowDown", http_status_code=503)
        accepted = await files.accept(verified, ANN)
        assert (accepted.metadata or {})["s3"]["state"] == "stored"
        assert "a pending object was not deleted: SlowDown" in caplog.text
        assert caplog.records[-1].levelno == logging.WARNING


@pytest.mark.parametrize(("size", "requests"), [(2 * content.HEAD_BYTES, 1), (content.LONG_HEAD_BYTES, 2)])
async def test_a_large_image_takes_a_second_read_for_its_end(world: World, size: int, requests: int) -> None:
    photo = jpeg(400, 300, metadata=100_000)
    attachment = await world.uploaded("a.jpg", "image/jpeg", photo[:-2] + b"U" * size + photo[-2:])
    with world.requests(requests):
        await world.store.verify(attachment, ANN)


class _Body:
    """A response body with the interface of botocore's."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, amount: int) -> bytes:
        return self._data[:amount]

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.promise("A1")
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_urls_name_the_host_that_the_pages_policy_allows(region: str) -> None:
    """The template's content security policy allows `Bucket.RegionalDomainName`, also in us-east-1."""
    url = client(s3_config(), region).generate_presigned_url("put_object", {"Bucket": "files", "Key": "k"})

    assert url.startswith(f"https://files.s3.{region}.amazonaws.com/k?")
