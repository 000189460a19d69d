"""Cheaper imports change nothing for what uses the deferred package, and still have an effect.

A test of TestEffects that fails after an upgrade says that a technique no longer works, or that a library makes it
superfluous: then remove it (docs/decisions/0111-lean-imports.md).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic
import pytest

from function_setup.lean_imports import DeferredPackage, LeanImports, defer, models_built_when_used
from tools import ROOT
from tools.workspace import members

pytestmark = pytest.mark.promise("T2")

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(str(member.source) for member in members()),
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "COGNITO_ISSUER": "https://issuer.test/pool",
    "COGNITO_JWKS_URL": "https://issuer.test/pool/keys",
    "COGNITO_CLIENT_ID": "client",
    "ASSISTANT_TABLE": "assistant",
    "OPENAI_API_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
FACTS = """
import gc, json, sys
from chat_api import handler
enabled, frozen = gc.isenabled(), gc.get_freeze_count()
import chat_api.chatkit_run, coach.agent
loaded = [*sys.modules]
from fastapi.openapi import models
built = models.OpenAPI.__pydantic_complete__
import mcp
space = {}
exec("from mcp import *", space)
facts = {"enabled": enabled, "frozen": frozen, "loaded": loaded, "built": built, "names": dir(mcp)}
facts |= {"star": sorted(space), "client": [mcp.ClientSession.__module__, mcp.types.Tool.__name__]}
print("FACTS", json.dumps(facts))
"""


def run(program: str, **environment: str) -> Any:
    """Run a program in a new process and return the JSON of its line FACTS."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return next(json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("FACTS"))


@pytest.fixture(scope="module")
def lean() -> Any:
    """Facts of a process that loads everything for a first turn, with cheaper imports."""
    return run(FACTS)


@pytest.fixture(scope="module")
def plain() -> Any:
    """The same facts with `LEAN_IMPORTS=off`."""
    return run(FACTS, LEAN_IMPORTS="off")


@pytest.mark.feature("lean-imports")
class TestEffects:
    """Guards of the techniques, in a process like the function's."""

    def test_a_first_turn_loads_neither_client_nor_server_of_mcp(self, lean: Any) -> None:
        """If this fails, the Agents SDK needs more of `mcp`, and a cold first turn is a fifth slower again."""
        assert [name for name in lean["loaded"] if name.startswith(("mcp.server", "mcp.client"))] == []

    def test_the_agents_sdk_still_imports_mcp(self, plain: Any) -> None:
        """If this fails, the Agents SDK no longer imports `mcp` by itself: empty `lean_imports.DEFERRED`."""
        assert "mcp.server" in plain["loaded"]

    def test_pydantic_defers_the_models_of_the_handler(self, lean: Any, plain: Any) -> None:
        """If this fails, pydantic ignores `defer_build` in BaseModel's own configuration."""
        assert (lean["built"], plain["built"]) == (False, True)

    def test_the_collector_runs_again_and_ignores_what_was_imported(self, lean: Any, plain: Any) -> None:
        assert lean["enabled"]
        assert lean["frozen"] > 50_000
        assert (plain["enabled"], plain["frozen"]) == (True, 0)

    def test_the_names_of_mcp_are_the_same(self, lean: Any, plain: Any) -> None:
        for facts in ("names", "star", "client"):
            assert lean[facts] == plain[facts]


class TestModels:
    def test_those_defined_meanwhile_are_built_when_used(self) -> None:
        with models_built_when_used():

            class Inside(pydantic.BaseModel):
                number: int

        class Outside(pydantic.BaseModel):
            number: int

        assert not Inside.__pydantic_complete__
        assert Outside.__pydantic_complete__
        assert Inside.model_validate({"number": "1"}) == Inside(number=1)

    def test_the_configuration_returns_after_an_exception(self) -> None:
        before = dict(pydantic.BaseModel.model_config)
        with pytest.raises(ZeroDivisionError), models_built_when_used():
            raise ZeroDivisionError

        assert pydantic.BaseModel.model_config == before


class TestCollector:
    @pytest.fixture(autouse=True)
    def thawed(self) -> Iterator[None]:
        """Restore the set of frozen objects: the modules that pytest imported (tests/conftest.py)."""
        yield
        gc.unfreeze()
        gc.freeze()

    def test_it_pauses_and_returns(self) -> None:
        with LeanImports(True).loading():
            assert not gc.isenabled()

        assert gc.isenabled()

    def test_it_returns_after_an_exception(self) -> None:
        with pytest.raises(ZeroDivisionError), LeanImports(True).loading():
            raise ZeroDivisionError

        assert gc.isenabled()

    def test_it_stays_off_if_it_was(self) -> None:
        gc.disable()
        try:
            with LeanImports(True).loading():
                pass
            assert not gc.isenabled()
        finally:
            gc.enable()

    def test_off_is_off(self) -> None:
        before = pydantic.BaseModel.model_config
        with LeanImports(False).handler(), LeanImports(False).loading():
            assert gc.isenabled()
            assert pydantic.BaseModel.model_config is before


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Create the deferred package `late`, whose `__init__` has a given source; submodules: `late.part`."""
    monkeypatch.syspath_prepend(tmp_path)

    def create(source: str) -> ModuleType:
        folder = tmp_path / "late"
        folder.mkdir()
        (folder / "__init__.py").write_text(source)
        (folder / "part.py").write_text("VALUE = 2\n")
        importlib.invalidate_caches()
        assert defer("late")
        return sys.modules["late"]

    yield create
    for name in [name for name in sys.modules if name.partition(".")[0] == "late"]:
        del sys.modules[name]


SOURCE = "from late.part import VALUE\n__version__ = '1.0'\n__all__ = ['VALUE', 'more']\nmore = 3\n_own = 4\n"


class TestDeferredPackage:
    def test_a_submodule_is_imported_without_it(self, package: Callable[[str], ModuleType]) -> None:
        late = package(SOURCE)
        part = importlib.import_module("late.part")

        assert part.VALUE == 2
        assert type(late) is DeferredPackage

    @pytest.mark.parametrize(
        "use",
        [
            "from late import VALUE",
            "from late import *\nassert more == 3",
            "import late\nassert late._own == 4",
            "import late\nassert late.__version__ == '1.0'",
            "import late\nassert vars(late)['more'] == 3",
            "import late\nassert 'more' in dir(late)",
            "import late\nassert late.part.VALUE == 2",
            "import importlib, late\nassert importlib.reload(late).more == 3",
            "import inspect, late\nassert dict(inspect.getmembers(late))['more'] == 3",
            "import late\nlate.more = 5\nassert late._own == 4",
        ],
    )
    def test_any_use_finds_the_whole_package(self, use: str, package: Callable[[str], ModuleType]) -> None:
        late = package(SOURCE)
        exec(use, {})

        assert type(late) is ModuleType
        assert late is sys.modules["late"]

    def test_a_missing_name_is_an_import_error(self, package: Callable[[str], ModuleType]) -> None:
        package(SOURCE)

        with pytest.raises(ImportError, match="missing"):
            exec("from late import missing", {})

    def test_a_failing_package_raises_its_error_each_time(self, package: Callable[[str], ModuleType]) -> None:
        late = package("raise ZeroDivisionError")

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                _ = late.anything

    def test_questions_of_the_import_system_do_not_load_it(self, package: Callable[[str], ModuleType]) -> None:
        late = package("raise ZeroDivisionError")

        assert not hasattr(late, "__wrapped__")
        assert not hasattr(late, "__warningregistry__")
        assert late.__path__

    def test_a_second_thread_waits_for_the_whole(self, package: Callable[[str], ModuleType]) -> None:
        late: Any = package("import builtins\nbuiltins.late_begun.set()\nbuiltins.late_go.wait(10)\nmore = 3\n")
        builtins: Any = importlib.import_module("builtins")
        builtins.late_begun, builtins.late_go = threading.Event(), threading.Event()
        found: list[int] = []
        try:
            threads = [threading.Thread(target=lambda: found.append(late.more)) for _ in range(2)]
            threads[0].start()
            builtins.late_begun.wait(10)
            threads[1].start()
            builtins.late_go.set()
            for thread in threads:
                thread.join(10)
        finally:
            del builtins.late_begun, builtins.late_go

        assert found == [3, 3]

    def test_what_is_imported_or_missing_is_not_deferred(self) -> None:
        assert not defer("json")
        assert not defer("no_such_package")


SERVER = """
from mcp.server import MCPServer
server = MCPServer("calculator")

@server.tool()
def add(a: int, b: int) -> int:
    "Return the sum."
    return a + b

server.run("stdio")
"""
USE_SERVER = f"""
import asyncio, json, sys
from chat_api import handler
from agents.mcp import MCPServerStdio

async def main():
    async with MCPServerStdio({{"command": sys.executable, "args": ["-c", {SERVER!r}]}}) as server:
        tools = await server.list_tools()
        result = await server.call_tool("add", {{"a": 2, "b": 3}})
        return [tools[0].name, result.content[0].text]

print("FACTS", json.dumps(asyncio.run(main())))
"""


def test_an_assistants_mcp_server_works() -> None:
    assert run(USE_SERVER) == ["add", "5"]
