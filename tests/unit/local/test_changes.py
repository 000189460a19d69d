"""Changed files: detected within half a second, one batch for one save, and no stale bytecode."""

from __future__ import annotations

import asyncio
import os
import py_compile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tools.local.function.changes import Changes


async def batch(watch: Changes, change: Callable[[], object]) -> tuple[set[str], float]:
    """Return the names of the next batch, and the seconds since the change."""
    batches = watch.batches()
    waiting = asyncio.ensure_future(anext(batches))
    await asyncio.sleep(0.05)
    change()
    started = time.monotonic()
    async with asyncio.timeout(10):
        changed = await waiting
    await batches.aclose()
    return {path.name for path in changed}, time.monotonic() - started


@pytest.mark.promise("B2")
class TestChanges:
    async def test_a_save_is_seen_within_half_a_second(self, tmp_path: Path) -> None:
        file = tmp_path / "assistant.py"
        file.write_text("a")

        batches = [await batch(Changes([tmp_path]), partial(file.write_text, "b" * n)) for n in range(2, 7)]

        assert [names for names, _ in batches] == [{"assistant.py"}] * 5
        assert min(seconds for _, seconds in batches) < 0.5  # a busy machine delays some of them, but not all

    async def test_new_removed_and_replaced_files(self, tmp_path: Path) -> None:
        for name in ("old.py", "replaced.py", "same.py"):
            (tmp_path / name).write_text("a")

        def change() -> None:
            (tmp_path / "new.py").write_text("a")
            (tmp_path / "old.py").unlink()
            (tmp_path / "draft").write_text("b")
            os.replace(tmp_path / "draft", tmp_path / "replaced.py")

        names, _ = await batch(Changes([tmp_path]), change)

        assert names == {"new.py", "old.py", "replaced.py"}

    async def test_data_counts_in_the_adopters_folder_only(self, tmp_path: Path) -> None:
        app, code = tmp_path / "app", tmp_path / "code"
        app.mkdir()
        code.mkdir()

        def change() -> None:
            for folder in (app, code):
                for name in ("faq.md", "a.py", ".hidden.py", "a.py~"):
                    (folder / name).write_text("a")
                (folder / "__pycache__").mkdir()
                (folder / "__pycache__" / "a.pyc").write_text("a")

        names, _ = await batch(Changes([code], everything=[app]), change)

        assert names == {"faq.md", "a.py"}

    async def test_bytecode_of_the_same_second_and_size_is_removed(self, tmp_path: Path) -> None:
        file = tmp_path / "assistant.py"
        file.write_text("x = 1")
        py_compile.compile(str(file))

        await batch(Changes([tmp_path]), lambda: file.write_text("x = 2"))

        assert not os.listdir(os.path.dirname(cache_from_source(str(file))))
