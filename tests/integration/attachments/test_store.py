"""The contract over HTTP, on two servers that check signatures.

The servers' faults are asserted in overrides. Delete an override once it fails, because the server is fixed then.
"""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.contracts.attachments import BUCKET, AttachmentStoreContract, World


class TestOnMiniStack(AttachmentStoreContract):
    """MiniStack also checks the function's permissions; it ignores CopyObject's If-None-Match."""

    @pytest.fixture
    def world(self, ministack_world: World) -> World:
        return ministack_world

    async def test_upload_after_a_lost_acceptance_does_not_replace_the_file(self, world: World) -> None:
        with pytest.raises(AssertionError):
            await super().test_upload_after_a_lost_acceptance_does_not_replace_the_file(world)

    @pytest.mark.promise("A3")
    def test_function_has_no_right_on_the_bucket_or_elsewhere(self, world: World) -> None:
        world.owner.put_object(Bucket=BUCKET, Key="other/x", Body=b"x")
        with pytest.raises(ClientError, match="AccessDenied"):
            world.client.list_objects_v2(Bucket=BUCKET)
        with pytest.raises(ClientError, match="AccessDenied"):
            world.client.get_object(Bucket=BUCKET, Key="other/x")


class TestOnRclone(AttachmentStoreContract):
    """rclone ignores both conditions of CopyObject and keeps metadata that it should replace."""

    @pytest.fixture
    def world(self, rclone_world: World) -> World:
        return rclone_world

    async def test_upload_between_verification_and_acceptance_is_noticed(self, world: World) -> None:
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            await super().test_upload_between_verification_and_acceptance_is_noticed(world)

    async def test_upload_after_a_lost_acceptance_does_not_replace_the_file(self, world: World) -> None:
        with pytest.raises(AssertionError):
            await super().test_upload_after_a_lost_acceptance_does_not_replace_the_file(world)

    async def test_acceptance_drops_headers_that_the_upload_added(self, world: World) -> None:
        with pytest.raises(AssertionError):
            await super().test_acceptance_drops_headers_that_the_upload_added(world)
