"""Start-up of an assistant from the files of a build, without any others: a program that `tools.app.imports` runs.

    python -S -P start_up.py app.assistant:build /path/of/site-packages:/another

PYTHONPATH is Lambda's import path: the built function and its layers. Their machine code is for Lambda; each of its
modules is replaced by the one of the same name in this machine's site-packages. The last line of the output is JSON.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

Fault = dict[str, "str | None"]


class Twins:
    """A finder of this machine's version of each extension module that the build has for Lambda."""

    def __init__(self, site_packages: Sequence[Path]) -> None:
        self._site_packages = site_packages
        self._roots = [Path(entry) for entry in os.environ["PYTHONPATH"].split(os.pathsep)]
        self._listings: dict[Path, set[str]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of an extension module; None for every other module."""
        tail = name.rpartition(".")[2]
        for folder in map(Path, path if path is not None else sys.path):
            root = next((root for root in self._roots if folder.is_relative_to(root)), None)
            if root is None or tail not in self._extensions(folder):
                continue
            for site in self._site_packages:
                for suffix in EXTENSION_SUFFIXES:
                    twin = site / folder.relative_to(root) / f"{tail}{suffix}"
                    if twin.exists():
                        return spec_from_file_location(name, twin)
            raise ImportError(
                f"{name} is machine code for Lambda, and this machine has no version of it: run `make install`",
                name=name,
            )
        return None

    def _extensions(self, folder: Path) -> set[str]:
        if folder not in self._listings:
            self._listings[folder] = {path.name.partition(".")[0] for path in folder.glob("*.so")}
        return self._listings[folder]


def start(factory: str) -> None:
    """Import the assistant, create it as the handler does, and load what it defers."""
    module, _, name = factory.partition(":")
    build = getattr(importlib.import_module(module), name)
    assistant = build(_settings())
    if not callable(respond := getattr(assistant, "respond", None)):
        raise TypeError(f"{factory} returned {type(assistant).__name__}, which has no method respond")
    if inspect.iscoroutinefunction(respond):
        raise TypeError(f"respond of {type(assistant).__name__} must yield events: it has no yield")
    if prepare := getattr(assistant, "prepare", None):
        prepare()


def _settings() -> Any:
    import botocore.session

    from chat_api.assistant import AssistantSettings, Environment

    async def none(*_: str) -> str:
        return "none"

    session: Any = botocore.session.get_session()
    dynamodb = session.create_client("dynamodb")
    return AssistantSettings("none", None, none, "table", dynamodb, env=Environment(os.environ), secret=none)


def fault_of(error: BaseException, package: str) -> Fault:
    """Describe an exception: its class, text, and missing module, and the line of the assistant that raised it."""
    folder = f"/ChatFunction/{package}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if folder in frame.filename]
    place = f"{own[-1].filename.rpartition('/ChatFunction/')[2]}:{own[-1].lineno}" if own else None
    return {
        "type": type(error).__name__,
        "text": str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error),
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        "place": place,
    }


def main() -> None:
    """Start the assistant and print the fault, or null."""
    sys.meta_path.insert(0, Twins([Path(entry) for entry in sys.argv[2].split(os.pathsep)]))
    fault: Fault | None = None
    try:
        start(sys.argv[1])
    except BaseException as error:
        fault = fault_of(error, sys.argv[1].partition(":")[0].partition(".")[0])
    print("\n" + json.dumps(fault), flush=True)
    os._exit(0)  # whatever threads the assistant has started


if __name__ == "__main__":
    main()
