"""Contract tests that any ChatKit store can run: subclass a contract and give its `make_store` fixture.

    from store_dynamo.testing import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self):
            return MyStore                    # every test gets make_store()

`StoreContract` asks only for the methods of ChatKit's Store and passes with an in-memory store. The other contracts go
further; take those that your store promises:

    OrderContract        ties, cursors and pages stay exact while others write
    BodiesContract       hooks, upload descriptors, template widgets, items of megabytes
    WritesContract       retries, duplicates, upserts, ids
    IsolationContract    every user has a store of their own; contexts have a `user_id`
    IdLimitsContract     ids up to 512 bytes, InvalidIdError above
    MergeContract        `save_thread` merges with other writers; `set_automatic_title`
    LifetimeContract     deletion during a turn, `retention`
    ClaimsContract       attachments: `claim_attachment`, `release_attachment`, expiry
    RunningContract      the store's `running`: one turn a thread, locks of dead processes
    TurnsContract        the store's `turns`: `find` and `win`
    JournalContract      the store's `journal`: one writer at each place, readers continue at any event
    FenceContract        `fenced` and `fence`: a turn that was taken over writes no more
    ApprovalsContract    the store's `approvals`: a call of a tool is decided and started once
    AllowancesContract   the store's `allowances`: granted by a decision, and not used after their end
    AccessContract       the store's `access`: rates and seats of a user, sign-outs, tombstones

`StoreMachine` (hypothesis) compares random operations with a plain model. Needs pytest, pytest-asyncio and hypothesis:
install `chatkit-store-dynamo[testing]`. Tests work in both of pytest-asyncio's modes.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"store_dynamo.testing.{name}"
        for name in (
            "access",
            "allowances",
            "approvals",
            "bodies",
            "contract",
            "fences",
            "isolation",
            "journal",
            "lifetime",
            "machine",
            "order",
            "running",
            "setting",
            "writes",
        )
    )
)

from store_dynamo.testing.access import AccessContract  # noqa: E402
from store_dynamo.testing.allowances import AllowancesContract  # noqa: E402
from store_dynamo.testing.approvals import ApprovalsContract  # noqa: E402
from store_dynamo.testing.bodies import BodiesContract  # noqa: E402
from store_dynamo.testing.contract import StoreContract  # noqa: E402
from store_dynamo.testing.fences import FenceContract  # noqa: E402
from store_dynamo.testing.isolation import IdLimitsContract, IsolationContract  # noqa: E402
from store_dynamo.testing.journal import JournalContract  # noqa: E402
from store_dynamo.testing.lifetime import ClaimsContract, LifetimeContract  # noqa: E402
from store_dynamo.testing.machine import StoreMachine, check  # noqa: E402
from store_dynamo.testing.order import OrderContract  # noqa: E402
from store_dynamo.testing.running import RunningContract, TurnsContract  # noqa: E402
from store_dynamo.testing.setting import Caller, Clock, StoreSetting  # noqa: E402
from store_dynamo.testing.writes import MergeContract, WritesContract  # noqa: E402

__all__ = [
    "AccessContract",
    "AllowancesContract",
    "ApprovalsContract",
    "BodiesContract",
    "Caller",
    "ClaimsContract",
    "Clock",
    "FenceContract",
    "IdLimitsContract",
    "IsolationContract",
    "JournalContract",
    "LifetimeContract",
    "MergeContract",
    "OrderContract",
    "RunningContract",
    "StoreContract",
    "StoreMachine",
    "StoreSetting",
    "TurnsContract",
    "WritesContract",
    "check",
]
