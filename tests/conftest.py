"""For all tests: the order of work, the summaries at the end, and assertions that show values in the contracts too."""

from __future__ import annotations

import functools
import gc
import ssl
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contracts", "tests.fakes")
pytest_plugins = [
    "tests.browser.scenarios",
    "tests.contracts.summary",
    "tests.schedule",
    "tests.skips",
    "tests.unit.frontend.summary",
]

# httpx reads all of certifi's certificates again for each client, also for http:// alone: 57 ms, and 3 ms without.
ssl.create_default_context = functools.cache(ssl.create_default_context)

settings.register_profile("steady", deadline=None)  # a busy machine is no counterexample
settings.load_profile("steady")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all tests without the garbage collector, and exclude from later collections what they keep anyway."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
