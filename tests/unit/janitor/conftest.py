from tests.unit.store.conftest import moto_backend, moto_clients

__all__ = ["moto_backend", "moto_clients"]
