"""The contract within this process: MemoryStore, and DynamoStore on moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.dynamo_store import DynamoStoreContract
from tests.contracts.search import SearchContract
from tests.contracts.store import EveryStoreContract
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.memory_store import MemoryStore


class TestMemory(EveryStoreContract, SearchContract):
    @pytest.fixture
    def make_store(self) -> Callable[..., Any]:
        """Return the same store for equal options: two memory stores do not share their data."""
        made: list[MemoryStore[Any]] = []

        def make(**options: Any) -> MemoryStore[Any]:
            if options or not made:
                made.append(MemoryStore(**options))
            return made[-1]

        return make


class TestMoto(DynamoStoreContract):
    MANY = 100  # moto copies the whole table for each transaction

    @pytest.fixture
    def backend(self, moto_backend: DynamoBackend) -> DynamoBackend:
        return moto_backend
