"""The contract on moto: fast, and without signatures."""

from __future__ import annotations

import pytest

from tests.contracts.attachments import AttachmentStoreContract, World


class TestOnMoto(AttachmentStoreContract):
    """moto ignores the conditions of CopyObject. Delete these two overrides once they fail."""

    async def test_upload_between_verification_and_acceptance_is_noticed(self, world: World) -> None:
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            await super().test_upload_between_verification_and_acceptance_is_noticed(world)

    async def test_upload_after_a_lost_acceptance_does_not_replace_the_file(self, world: World) -> None:
        with pytest.raises(AssertionError):
            await super().test_upload_after_a_lost_acceptance_does_not_replace_the_file(world)
