"""The GitHub workflows: pinned actions, least permissions, and the commands that everyone else uses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: path for path in FOLDER.glob("*.yml")}


def workflow(name: str) -> dict[Any, Any]:
    return yaml.safe_load(WORKFLOWS[name].read_text())


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())

    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", each)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_input_is_never_part_of_a_script(name: str) -> None:
    """GitHub pastes expressions into scripts: a branch named `$(…)` would be executed."""
    assert [step["run"] for step in steps(name) if "${{" in step.get("run", "")] == []


def test_ci_has_no_permission_but_to_read_and_runs_the_script() -> None:
    assert workflow("ci")["permissions"] == {"contents": "read"}
    assert any(step.get("run", "").endswith(".ci/run") for step in steps("ci"))


def test_only_the_deployment_may_ask_for_a_role_and_it_is_started_by_hand() -> None:
    deploy = workflow("deploy")

    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert set(deploy[True]) == {"workflow_dispatch"}  # YAML 1.1 reads the key `on` as true
    assert [name for name in WORKFLOWS if "id-token" in workflow(name)["permissions"]] == ["deploy"]


def test_the_environments_are_those_of_samconfig() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    known = [name for name, each in config.items() if isinstance(each, dict) and "deploy" in each]

    assert workflow("deploy")[True]["workflow_dispatch"]["inputs"]["environment"]["options"] == known
