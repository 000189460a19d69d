"""A pytest plugin: the order in which the workers of `make test` take the tests, so that they end at the same time.

pytest_plugins = ["tests.schedule"]   # in tests/conftest.py; it acts with `-n 3 --dist loadscope`

A unit of work is one module, or one folder whose tests share a started service, which two workers would start twice.
The longest units come first: a long one that comes last would keep one worker busy after the others have ended.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SECONDS = {
    "tests/browser": 350,
    "tests/e2e": 250,
    "tests/integration/deploy": 130,
    "tests/integration/store": 120,
    "tests/integration/build": 45,
    "tests/security/test_matrix.py": 45,
    "tests/unit/frontend": 45,
    "tests/security/test_fuzz.py": 40,
    "tests/integration/app/test_build.py": 35,
    "tests/unit/store/test_contract.py": 30,
    "tests/unit/chat_api/test_bounds.py": 25,
    "tests/unit/function_setup/test_lean_imports.py": 25,
    "tests/unit/janitor": 25,
    "tests/unit/chat_api/test_approval_schedules.py": 20,
    "tests/unit/function_setup/test_logs.py": 20,
    "tests/integration/app/test_dev.py": 20,
    "tests/integration/local_aws": 20,
    "tests/unit/store/test_testing.py": 10,
}
"""The measured time of folders with a shared service, and of other long units; the rest follows in pytest's order."""


def unit_of(nodeid: str) -> str:
    """Return the unit of work of a test: an entry of `SECONDS`, else its module."""
    module = nodeid.partition("::")[0]
    return next((unit for unit in SECONDS if module == unit or module.startswith(f"{unit}/")), module)


class LongestFirst(LoadScopeScheduling):
    """Distributes whole units, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -SECONDS.get(unit_of(item.nodeid), 0))
