"""A client that is made when something is first asked of it.

s3 = LazyClient(lambda: session.create_client("s3"))
s3.get_object(…)                # made here: 20 ms and the service's model, which most requests do without
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_making = threading.Lock()
"""Of all clients: botocore's session, which makes most of them, is not thread-safe."""


class LazyClient:
    """Stands for the client that `make` returns: its attributes are that client's."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.made: Any = None
        """The client; None until it was needed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.get(), name)

    def get(self) -> Any:
        """Return the client, made if it is not yet."""
        if self.made is None:
            with _making:
                if self.made is None:
                    self.made = self._make()
        return self.made
