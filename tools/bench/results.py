"""Results of benchmarks with machine, versions and commit: `tools/bench/results/<name>.json`.

    write("streaming", {"first_byte_ms": 0.7}, packages=["uvicorn"])
    read("streaming").figures["first_byte_ms"]

Every file has the same envelope, so that no figure is stored without its origin:

    {"measured_at": "2026-11-25T15:40:02Z", "commit": "d80381f", "machine": {…}, "versions": {…}, "figures": {…}}

The form of `figures` depends on the benchmark. `tools.bench.report` writes `docs/evidence/performance.md` from all
files.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools import ROOT

RESULTS = ROOT / "tools" / "bench" / "results"


@dataclass(frozen=True)
class Result:
    """Figures of one benchmark and their origin; `commit` ends with `+` if the code had uncommitted changes."""

    measured_at: str
    commit: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    figures: Mapping[str, Any]


def path(name: str) -> Path:
    return RESULTS / f"{name}.json"


def read(name: str) -> Result:
    """Return a result. Raises FileNotFoundError when it has not been measured."""
    return Result(**json.loads(path(name).read_text()))


def write(
    name: str, figures: Mapping[str, Any], packages: Iterable[str] = (), versions: Mapping[str, str] | None = None
) -> Path:
    """Store the figures of a measurement that has just ended.

    `packages` are installed Python packages whose versions are relevant; `versions` are those of other programs.
    Python's version is always stored.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = Result(
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=commit(),
        machine=machine(),
        versions={"python": platform.python_version()}
        | {each: version(each) for each in packages}
        | dict(versions or {}),
        figures=figures,
    )
    path(name).write_text(json.dumps(vars(result), indent=1, ensure_ascii=False) + "\n")
    return path(name)


def commit() -> str:
    """Return the measured commit, with a `+` if files other than results and documents have changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git(
            "status", "--porcelain", "--untracked-files=no", "--", ".", ":!tools/bench/results", ":!docs", ":!*.md"
        )
        return git("rev-parse", "--short=7", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        return "unknown"


def machine() -> dict[str, Any]:
    """Return this machine's properties that affect times."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def cpu_model() -> str:
    """Return the processor's name, from /proc on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
