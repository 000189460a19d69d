"""Mutants: one deliberate fault for each promise, with the test that must fail because of it.

Each `*.toml` file in this folder holds the mutants of one package:

    [[mutant]]
    promise = "S2"                      # label in docs/understand/architecture.md
    name = "order by time alone"
    why = "items with equal timestamps are ordered by id"
    test = "tests/unit/store/test_contract.py::TestMoto::test_pages_keep_equal_timestamps[3-asc]"
    file = "store_dynamo/src/store_dynamo/keys.py"
    old = '''...'''                     # must occur exactly once in the file
    new = '''...'''

A mutant that needs several edits of one file has `[[mutant.edit]]` tables, each with its own `old` and `new`. Replacing
text instead of applying a patch survives moves, reformatting nearby, and missing context.
"""

from __future__ import annotations

import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class StaleMutantError(Exception):
    """`old` does not occur exactly once in the file, so the mutant no longer describes a fault."""


@dataclass(frozen=True)
class Mutant:
    """One deliberate fault. `test` is a pytest node id or a vitest file; `edits` are (old, new) pairs within `file`."""

    promise: str
    name: str
    why: str
    test: str
    file: str
    edits: tuple[tuple[str, str], ...]

    def mutated(self, source: str) -> str:
        """Return `source` with the fault. Raises StaleMutantError."""
        for old, new in self.edits:
            if (count := source.count(old)) != 1:
                raise StaleMutantError(f"{self.promise} {self.name!r}: {count} times in {self.file}, not once:\n{old}")
            source = source.replace(old, new)
        return source

    @contextmanager
    def applied(self, tree: Path) -> Generator[None]:
        """Put the fault into the file below `tree`, and restore the file afterwards."""
        path = tree / self.file
        source = path.read_text()
        path.write_text(self.mutated(source))
        try:
            yield
        finally:
            path.write_text(source)


def is_vitest(test: str) -> bool:
    """Return whether `test` is a file of the frontend's tests rather than a pytest node id."""
    return test.endswith((".test.ts", ".test.tsx"))


def read_mutants() -> list[Mutant]:
    """Return the mutants of all packages."""
    return [
        _mutant(entry) for path in sorted(HERE.glob("*.toml")) for entry in tomllib.loads(path.read_text())["mutant"]
    ]


def _mutant(entry: dict[str, Any]) -> Mutant:
    edits = tuple((edit["old"], edit["new"]) for edit in entry.get("edit") or [entry])
    return Mutant(entry["promise"], entry["name"], entry["why"], entry["test"], entry["file"], edits)
