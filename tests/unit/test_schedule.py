"""The workers of `make test` take whole units of work, the longest first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.schedule import SECONDS, pytest_collection_modifyitems, unit_of
from tools import ROOT

UNITS = list(SECONDS)


@pytest.mark.parametrize("unit", UNITS)
def test_every_measured_unit_exists(unit: str) -> None:
    assert (ROOT / unit).exists()


def test_a_folder_with_a_shared_service_is_one_unit() -> None:
    assert unit_of("tests/browser/test_looks.py::TestX::test_y[a::b]") == "tests/browser"
    assert unit_of("tests/unit/store/test_cursor.py::TestX::test_y") == "tests/unit/store/test_cursor.py"


def ordered(config: Any) -> list[str]:
    """Return the order of a test that was not measured, and of one test of each unit, shortest first."""
    files = [
        each if each.endswith(".py") else f"{each}/test_x.py" for each in ("tests/unit/test_links.py", *UNITS[::-1])
    ]
    items: Any = [SimpleNamespace(nodeid=f"{file}::test_one") for file in files]
    pytest_collection_modifyitems(config, cast("list[pytest.Item]", items))
    return [unit_of(item.nodeid) for item in items]


def test_a_worker_begins_with_the_longest_units() -> None:
    found = ordered(SimpleNamespace(workerinput={}))

    assert found[-1] == "tests/unit/test_links.py"
    assert [SECONDS[unit] for unit in found[:-1]] == sorted(SECONDS.values(), reverse=True)


def test_a_run_without_workers_keeps_its_order() -> None:
    assert ordered(SimpleNamespace())[0] == "tests/unit/test_links.py"
