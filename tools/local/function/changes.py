"""Changed files of a function's code, for the reload of `make dev`.

    watch = Changes([Path("functions/chat"), Path("app")], everything=[Path("app")])
    async for changed in watch.batches():        # sets of paths, within half a second of a save

Only Python files count, but in the folders `everything` all files do. A save that rewrites several files is one batch.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

INTERVAL_SECONDS = 0.2
SETTLED_SECONDS = 0.1
IGNORED = frozenset({"__pycache__", "node_modules"})

Stamp = tuple[int, int, int]


class Changes:
    """Polls the times, sizes and inodes of files: a scan of this project takes 4 ms, and no package is needed."""

    def __init__(self, folders: Iterable[Path], everything: Iterable[Path] = ()) -> None:
        self._everything = [path.resolve() for path in everything]
        self._folders = list(dict.fromkeys([*(path.resolve() for path in folders), *self._everything]))
        self._seen = self._scan()

    async def batches(self) -> AsyncGenerator[set[Path]]:
        """Yield the paths that were written, created or removed since the last batch."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            now = await asyncio.to_thread(self._scan)
            if now == self._seen:
                continue
            while now != (now := await self._scan_again()):
                pass
            changed = {path for path, _ in now.items() ^ self._seen.items()}
            self._seen = now
            if changed:
                _forget_bytecode(changed)
                yield changed

    async def _scan_again(self) -> dict[Path, Stamp]:
        await asyncio.sleep(SETTLED_SECONDS)
        return await asyncio.to_thread(self._scan)

    def _scan(self) -> dict[Path, Stamp]:
        found: dict[Path, Stamp] = {}
        for folder in self._folders:
            found.update(_files(folder, folder in self._everything))
        return found


def _files(folder: Path, everything: bool) -> Iterator[tuple[Path, Stamp]]:
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(".") or entry.name in IGNORED or entry.name.endswith(("~", ".pyc")):
                continue
            with suppress(OSError):
                if entry.is_dir():
                    yield from _files(Path(entry.path), everything)
                elif everything or entry.name.endswith(".py"):
                    stat = entry.stat()
                    yield Path(entry.path), (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _forget_bytecode(changed: Iterable[Path]) -> None:
    """Remove bytecode: Python takes it for current if a file was saved in the same second and has the same size."""
    for path in changed:
        if path.suffix == ".py":
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
