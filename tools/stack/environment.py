"""The environments of samconfig.toml: one stack each, with the operator's settings for it.

environment = Environment.of("dev")
environment.stack_name, environment.parameters, environment.options.get("region")
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.stack import parameters
from tools.stack.operator import DeploymentError

SAMCONFIG = ROOT / "samconfig.toml"


@dataclass(frozen=True)
class Environment:
    """One environment; `options` are all its settings for `sam deploy`, `parameters` those of its template."""

    name: str
    stack_name: str
    parameters: Mapping[str, str]
    options: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, path: Path = SAMCONFIG) -> Environment:
        """Return the environment named `name`. Raises DeploymentError when the file does not define it."""
        try:
            config = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise DeploymentError(f"{path.name} cannot be read: {error}") from error
        known = [each for each, commands in config.items() if isinstance(commands, dict) and "deploy" in commands]
        if name not in known:
            missing = f"does not define {name!r}" if name else "needs to know the environment"
            raise DeploymentError(f"{path.name} {missing}: use ENV= with one of {', '.join(known)}")
        commands = config[name]
        options = {**_options(commands.get("global")), **_options(commands["deploy"])}
        if not options.get("stack_name"):
            raise DeploymentError(f"{path.name}: [{name}.deploy.parameters] has no stack_name")
        return cls(name, options["stack_name"], parameters.parse(options.get("parameter_overrides", "")), options)


def _options(command: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict((command or {}).get("parameters", {}))
