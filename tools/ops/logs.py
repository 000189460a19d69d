"""The chat function's log: `make logs ENV=dev` for a deployed stack, `make logs` for the one that `make dev` runs.

    follow("dev", "chatkit-dev")                         # the last ten minutes, then new lines until Ctrl-C
    follow("dev", "chatkit-dev", request="d51bc5fc-…")   # all lines of one request in the last day, then the end
    follow("", "", level="ERROR")                        # only errors, from the local stack

The log group comes from the stack's resources, not from its outputs, so it is found in a failed stack too.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.local.dev import NOT_RUNNING
from tools.local.stack import STATE
from tools.stack.clients import operator_client
from tools.stack.operator import DeploymentError
from tools.stack.releases import physical_id
from tools.stack.removal import Client, Say

LOCAL_LOG = STATE / "function.log"
LOG_GROUP = "ChatLogs"
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
PYTHONS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Python's names, as versions before 0.3 wrote them."""
REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
RECENT_SECONDS = 600
DAY_SECONDS = 86_400
LATE_SECONDS = 15
"""CloudWatch may show a line this much later than one with a later timestamp."""
LAST_LOCAL_LINES = 50

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Filter:
    """Selects lines by request id and by least level; empty values select all lines."""

    request: str = ""
    level: str = ""

    @classmethod
    def of(cls, request: str, level: str) -> Filter:
        """Return the filter for REQUEST= and LEVEL=. Raises DeploymentError for values that cannot match."""
        name = PYTHONS.get(level.upper(), level.upper())
        if name and name not in LEVELS:
            raise DeploymentError(f"LEVEL={level} is not a level; levels are {', '.join(LEVELS)}")
        if request and not REQUEST_ID.fullmatch(request):
            raise DeploymentError("REQUEST must be a request id, for example d51bc5fc-eb95-46f9-8945-73dc2b37339b")
        return cls(request, name)

    def accepts(self, line: str) -> bool:
        """Return True if the line contains the request id and has at least the level."""
        return self.request in line and (not self.level or _rank(line) >= LEVELS.index(self.level))


def _rank(line: str) -> int:
    """Return the position of the line's level, or -1 for metrics and for lines of the platform, which have none."""
    try:
        level = json.loads(line).get("level", "")
    except (ValueError, AttributeError):
        return LEVELS.index("FATAL") if "Traceback" in line or "Error" in line else -1
    level = PYTHONS.get(level, level)
    return LEVELS.index(level) if level in LEVELS else -1


def follow(
    env: str,
    stack_name: str,
    request: str = "",
    level: str = "",
    *,
    client: Client = operator_client,
    say: Say = print,
    log: Path = LOCAL_LOG,
    sleep: Sleep = time.sleep,
) -> None:
    """Print the log of a stack, or of the local one if `env` is empty; a request's lines are printed once.

    Raises DeploymentError if there is no such log, the filter is invalid, or no line of the request was found.
    """
    wanted = Filter.of(request, level)
    lines = _deployed_lines(client, stack_name, wanted, sleep) if env else _local_lines(log, wanted, sleep)
    found = False
    try:
        for line in lines:
            if wanted.accepts(line):
                found = True
                say(line)
    except KeyboardInterrupt:
        return
    if not found:
        raise DeploymentError(f"no line of {wanted.request} was found in the last day, or in the local log")


def _deployed_lines(client: Client, stack_name: str, wanted: Filter, sleep: Sleep) -> Iterator[str]:
    with closing(client("cloudformation")) as cloudformation:
        group = physical_id(cloudformation, stack_name, LOG_GROUP)
    pattern = {"filterPattern": f'"{wanted.request}"'} if wanted.request else {}
    since = (time.time() - (DAY_SECONDS if wanted.request else RECENT_SECONDS)) * 1000
    seen: dict[str, int] = {}
    with closing(client("logs")) as logs:
        while True:
            for event in _events(logs, logGroupName=group, startTime=int(since), **pattern):
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    yield event["message"].rstrip()
            if wanted.request:
                return
            since = max(since, *seen.values(), 0) - LATE_SECONDS * 1000 if seen else since
            seen = {name: at for name, at in seen.items() if at >= since}
            sleep(2)


def _events(logs: Any, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in logs.get_paginator("filter_log_events").paginate(**arguments):
        yield from page["events"]


def _local_lines(log: Path, wanted: Filter, sleep: Sleep) -> Iterator[str]:
    if not log.exists():
        raise DeploymentError(f"{NOT_RUNNING}; for a deployed stack: make logs ENV=dev")
    with log.open(errors="replace") as file:
        lines = file.read().splitlines()
        yield from lines if wanted.request else lines[-LAST_LOCAL_LINES:]
        rest = ""
        while not wanted.request:
            rest += file.read()
            *complete, rest = rest.split("\n")
            yield from complete
            sleep(0.3)
