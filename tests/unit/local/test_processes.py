"""A local function's processes: a run about one process keeps its events there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from tools.local.function.process import LocalFunction


@dataclass
class Idle:
    pid: int


@pytest.mark.parametrize(("wanted", "order"), [(1, [2, 3, 1]), (3, [1, 2, 3]), (9, [1, 2, 3])])
def test_the_preferred_process_takes_the_next_event_if_idle(wanted: int, order: list[int], tmp_path: Path) -> None:
    function = LocalFunction(handler="app.handler", code=[tmp_path], layer=tmp_path, environment={})
    function._idle = cast("Any", [Idle(1), Idle(2), Idle(3)])

    function.prefer(wanted)

    assert [each.pid for each in function.idle_processes] == order
