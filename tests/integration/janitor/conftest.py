from tests.integration.store.conftest import (
    ministack,
    ministack_backend,
    ministack_table,
    store_clients,
)

__all__ = [
    "ministack",
    "ministack_backend",
    "ministack_table",
    "store_clients",
]
