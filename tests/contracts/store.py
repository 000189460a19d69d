"""What every Store of ours promises (S1–S12), as tests: a backend subclasses StoreContract and gives `make_store`.

    class TestMoto(StoreContract):
        @pytest.fixture
        def make_store(self, moto_table):
            return moto_table.store          # (**options) -> a store: clock, retention, after_read, before_write

Every test has users of its own, so that all tests of a backend can share one table. The tests are in one module for
each group of promises.
"""

from __future__ import annotations

import pytest

from tests.contracts.store_bodies import Bodies
from tests.contracts.store_lifetime import Lifetime
from tests.contracts.store_order import Order
from tests.contracts.store_ownership import Ownership
from tests.contracts.store_setting import Caller, Clock, add_all, every_page, item_ids, thread_ids
from tests.contracts.store_writes import Writes

__all__ = ["Caller", "Clock", "StoreContract", "add_all", "every_page", "item_ids", "thread_ids"]


@pytest.mark.feature("store")
class StoreContract(Bodies, Ownership, Order, Writes, Lifetime):
    """One class, every backend."""
