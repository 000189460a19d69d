"""The assistant imported and created from a build, as on Lambda: a missing package or service is named here.

check(build, "app.assistant:build", {"SHOP_URL": "…"})       # [] or the faults, each with its remedy
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(__file__).with_name("start_up.py")
LIMIT_SECONDS = 120
FOLDERS = ("ChatFunction", "StreamingLayer/python", "DependenciesLayer/python")
_SERVICE = re.compile(r"Unknown service: '([\w-]+)'")
REPOSITORY = frozenset({"tools", "tests"})


def check(build: Path, factory: str, variables: Mapping[str, str]) -> list[str]:
    """Return the faults of the assistant `factory` in a build, normally none or one."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(build / folder) for folder in FOLDERS),
        "PYTHONDONTWRITEBYTECODE": "1",  # the build has Lambda's bytecode only
        "TZ": "UTC",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        **variables,
    }
    site_packages = [entry for entry in sys.path if entry.endswith("site-packages")]
    command = [sys.executable, "-S", "-P", str(PROGRAM), factory, os.pathsep.join(site_packages)]
    try:
        done = subprocess.run(
            command, env=environment, cwd=build, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [f"{factory} does not start within {LIMIT_SECONDS} s: an import or the factory waits for something"]
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        fault = json.loads(last)
    except ValueError:
        return [f"{factory} ended the process that imported it: {done.stderr.strip()[-500:] or done.returncode}"]
    return [] if fault is None else [_described(factory, fault)]


def _described(factory: str, fault: Mapping[str, str | None]) -> str:
    place, text, module = fault["place"] or factory, fault["text"] or "", fault["module"]
    if service := _SERVICE.search(text):
        return (
            f"{place} calls the AWS service {service[1]}, which the layer does not describe: add it to `services` of "
            "[aws] in app/app.toml, and its rights to app/iam.json"
        )
    if fault["type"] == "ModuleNotFoundError" and module:
        top = module.partition(".")[0]
        if top in REPOSITORY:
            return f"{place} imports {module}, which is not shipped: move the code into app/"
        return f"{place} imports {module}, which is not in the build: add its package to app/requirements.txt"
    return f"{place}: the assistant {factory} cannot be created on Lambda: {fault['type']}: {text}"
