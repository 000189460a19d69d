"""Cheaper imports for a cold start, which is the processor time of one thread and most of it imports.

    lean = LeanImports(os.environ.get("LEAN_IMPORTS") != "off")       # first, in the handler's module
    with lean.handler():
        from chat_api.app import create_app                           # and everything else that the handler needs
    with lean.loading(): …                                            # later imports, in any thread

| technique | reason |
|---|---|
| `mcp` is deferred | the Agents SDK imports it for one exception class: a fifth of a cold first turn |
| no garbage collection | nothing that imports create is garbage, but each collection walks all of it: a tenth |
| models are built when used | FastAPI and ChatKit define models that most processes never use: a twentieth |

All three use public names only, and change nothing for code that uses what was deferred: `from mcp import Client` finds
the whole package. `tests/unit/function_setup/test_lean_imports.py` fails when a library changes so that one of them has
no effect; docs/decisions/0111-lean-imports.md has the figures and the issues to file upstream.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

DEFERRED = ("mcp",)
"""Packages that only re-export: nothing in their submodules relies on `__init__`."""
WAIT_SECONDS = 10.0
"""Time that a thread waits for another one that loads the package; then it sees a part, as in a circular import."""


class LeanImports:
    """The techniques, or none of them. One per process."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    @contextmanager
    def handler(self) -> Generator[None]:
        """Import the handler's modules: defer packages, build models when they are used, and collect no garbage."""
        if not self._enabled:
            yield
            return
        for package in DEFERRED:
            defer(package)
        with self.loading(), models_built_when_used():
            yield

    @contextmanager
    def loading(self) -> Generator[None]:
        """Import without garbage collection, then exempt what exists from all later collections."""
        if not self._enabled or not gc.isenabled():
            yield
            return
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()


@contextmanager
def models_built_when_used() -> Generator[None]:
    """Let pydantic models that are defined now, and their subclasses, build their validators on first use."""
    import pydantic

    before = pydantic.BaseModel.model_config
    pydantic.BaseModel.model_config = {**before, "defer_build": True}
    try:
        yield
    finally:
        pydantic.BaseModel.model_config = before


def defer(package: str) -> bool:
    """Let a package's `__init__` run when one of its own names is used; submodules are imported without it.

    Return whether it is deferred: not if it is imported already or not installed.
    """
    if package in sys.modules:
        return False
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return False
    module = importlib.util.module_from_spec(spec)
    module.__class__ = DeferredPackage
    sys.modules[package] = module
    return True


class DeferredPackage(ModuleType):
    """A package that loads itself. `LazyLoader` does not do: importing a submodule asks for `__path__` and loads it."""

    def __getattr__(self, name: str) -> Any:
        # The import system, inspect and warnings ask every module for such names.
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        _load(self)
        return ModuleType.__getattribute__(self, name)

    @property
    def __dict__(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """For vars() and dir()."""
        _load(self)
        return _namespace(self)


_lock = threading.RLock()
_loading = set[str]()


def _load(module: ModuleType) -> None:
    found = _lock.acquire(timeout=WAIT_SECONDS)
    try:
        name = module.__name__
        if not found or type(module) is not DeferredPackage or name in _loading:
            return
        spec = module.__spec__
        assert spec is not None
        assert spec.loader is not None
        _loading.add(name)
        try:
            spec.loader.exec_module(module)
            module.__class__ = ModuleType  # pyright: ignore[reportAttributeAccessIssue]
        finally:
            _loading.discard(name)
    finally:
        if found:
            _lock.release()


def _namespace(module: ModuleType) -> dict[str, Any]:
    return vars(ModuleType)["__dict__"].__get__(module)
