"""`store_dynamo.testing` in foreign hands: any ChatKit store can run the basic contract, and a broken one fails it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store_dynamo.testing import StoreContract
from tests.contracts import store as ours
from tests.fakes.plain_store import PlainStore
from tools import ROOT

FOREIGN_PROJECT = """
import sys
sys.path.append({root!r})

import pytest

from store_dynamo.testing import StoreContract
from tests.fakes.plain_store import {store}

class TestMyStore(StoreContract):
    @pytest.fixture
    def make_store(self):
        return {store}
"""


class TestPlainStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> Callable[..., Any]:
        return PlainStore


def run_elsewhere(folder: Path, store: str) -> subprocess.CompletedProcess[str]:
    """Run the contract as another project would: without this repository's configuration, in asyncio's strict mode."""
    (folder / "test_store.py").write_text(FOREIGN_PROJECT.format(root=str(ROOT), store=store))
    chatkits_own = "ignore:Direct usage of named widget classes:DeprecationWarning"
    scope = "asyncio_default_fixture_loop_scope=function"  # pytest-asyncio warns where it is not set
    options = ["-q", "--strict-markers", "-W", "error", "-W", chatkits_own, "-o", scope, "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_store.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_plain_store_passes_in_a_project_of_its_own(tmp_path: Path) -> None:
    run = run_elsewhere(tmp_path, "PlainStore")

    assert run.returncode == 0, run.stdout
    assert re.search(r"^\d+ passed", run.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("store", "failed", "shown"),
    [
        (
            "NamesACursorOnTheLastPage",
            "test_after_is_the_last_id_and_none_on_the_last_page",
            "AssertionError: assert 'c'",
        ),
        ("PagesByTimeAlone", "test_pages_have_every_item_once_whatever_their_times[2-asc]", "['f', 'b', 'a', 'd']"),
        ("ReturnsNoneForAMissingThread", "test_missing_things_raise_not_found", "DID NOT RAISE"),
        (
            "MovesASavedItemToTheEnd",
            "test_save_item_replaces_an_item_in_its_place",
            "['a', 'c', 'b'] == ['a', 'b', 'c']",
        ),
    ],
)
def test_a_broken_store_fails_and_its_values_are_shown(tmp_path: Path, store: str, failed: str, shown: str) -> None:
    run = run_elsewhere(tmp_path, store)

    assert run.returncode == 1
    assert f"FAILED test_store.py::TestMyStore::{failed}" in run.stdout
    assert shown in run.stdout


def test_the_library_does_not_import_what_only_its_extras_need() -> None:
    """`[testing]` brings pytest and hypothesis, `[cli]` boto3; a server has neither."""
    script = "import sys, store_dynamo, store_dynamo.sweep; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not {"pytest", "hypothesis", "boto3", "moto"} & set(run.stdout.split())


def test_only_the_account_tool_imports_boto3() -> None:
    sources = (ROOT / "store_dynamo" / "src").rglob("*.py")

    assert [each.name for each in sources if re.search(r"^\s*(import|from) boto3", each.read_text(), re.MULTILINE)] == [
        "account.py"
    ]


def test_the_contracts_do_not_import_this_projects_tests() -> None:
    script = "import sys, store_dynamo.testing; print(*(name.split('.')[0] for name in sys.modules))"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)

    assert not {"tests", "tools", "chat_api", "boto3", "moto"} & set(run.stdout.split())


def test_every_test_of_the_contracts_has_a_promise() -> None:
    labelled = {test for tests in ours.PROMISES.values() for test in tests}
    everything = {
        getattr(ours.EveryStoreContract, name) for name in dir(ours.EveryStoreContract) if name.startswith("test_")
    }

    assert {test.__qualname__ for test in everything - labelled} == set()
