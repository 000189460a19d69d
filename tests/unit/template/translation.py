"""SAM's translation of the template, with the translator of the SAM CLI's version in MiniStack's environment."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

from tools.local.ministack import PYTHON
from tools.stack.template import Template, packaged

TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
source, values = json.load(sys.stdin)
json.dump(transform(source, values, None), sys.stdout)
"""


def translate(template: Template, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return all resources as CloudFormation creates them, for these values of parameters."""
    values = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    package = json.dumps([packaged(template, "bucket", "key"), values | dict(parameters or {})])
    return json.loads(_translated(package))["Resources"]


@cache
def _translated(package: str) -> str:
    environment = {"AWS_DEFAULT_REGION": "eu-west-1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([PYTHON, "-c", TRANSLATE], input=package, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
