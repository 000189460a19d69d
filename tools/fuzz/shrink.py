"""Reduction of a failing request: fewer mutations, then fewer headers, values and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from typing import Any, cast

from tools.fuzz.cases import Case
from tools.fuzz.recorded import Recorded

MAX_TRIES = 150

Fails = Callable[[Recorded], bool]


def shrunk(case: Case, fails: Fails) -> Case:
    """Return a case with a smaller request that still fails, or the same case if it does not fail again."""
    budget = [MAX_TRIES]

    def tried(request: Recorded) -> bool:
        budget[0] -= 1
        return budget[0] >= 0 and fails(request)

    if not tried(case.request):
        return case
    case = _fewer_steps(case, tried)
    request = case.request
    while (smaller := next(filter(tried, islice(_smaller(request), MAX_TRIES)), None)) is not None:
        request = smaller
    return case.with_request(request)


def _fewer_steps(case: Case, fails: Fails) -> Case:
    for step in case.steps:
        fewer = replace(case, steps=tuple(each for each in case.steps if each != step))
        if fails(fewer.request):
            case = fewer
    return case


def _smaller(request: Recorded) -> Iterator[Recorded]:
    """Yield requests with a part removed, larger parts first."""
    for header in request.headers:
        yield replace(request, headers=tuple(each for each in request.headers if each != header))
    data = request.content
    try:
        value = json.loads(data)
        if not isinstance(value, dict | list):
            raise ValueError
    except (ValueError, RecursionError):
        for part in (len(data) // 2, len(data) // 8):
            if part > 8:
                for start in range(0, len(data), part):
                    yield replace(request, body=None, data=data[:start] + data[start + part :])
        return
    for changed in _smaller_values(value):
        yield replace(request, body=None, data=json.dumps(changed).encode("utf-8", "surrogatepass"))


def _smaller_values(whole: Any) -> Iterator[Any]:
    paths = list(_paths(whole, ()))
    for path in paths:
        changed = deepcopy(whole)
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        value = inner[path[-1]]
        del inner[path[-1]]
        yield changed
        if isinstance(value, str) and len(value) > 20:
            changed = deepcopy(whole)
            inner = changed
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value[: len(value) // 2]
            yield changed


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        items = enumerate(cast("list[Any]", value))
    for key, inner in items:
        yield (*path, key)
        if len(path) < 12:
            yield from _paths(inner, (*path, key))
