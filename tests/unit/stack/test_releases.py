"""`make rollback`: shows both releases, asks, and moves the alias; a later deployment's effect is reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.one_stack import NAME, Pages
from tools.stack.operator import DeploymentError
from tools.stack.questions import confirm
from tools.stack.releases import held_back, read_releases, roll_back

FUNCTION = "chatkit-dev-ChatFunction-1A2B"


class Published:
    """CloudFormation and Lambda with a function of several versions."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, *versions: int, live: int) -> None:
        self.versions = versions
        self.live = live
        self.updates: list[dict[str, Any]] = []

    def __call__(self, service: str) -> Published:
        return self

    def close(self) -> None:
        pass

    def describe_stack_resource(self, **_: str) -> dict[str, Any]:
        return {"StackResourceDetail": {"PhysicalResourceId": FUNCTION, "ResourceStatus": "CREATE_COMPLETE"}}

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, str]:
        assert (FunctionName, Name) == (FUNCTION, "live")
        return {"FunctionVersion": str(self.live), "RevisionId": "r1"}

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_versions_by_function"
        records = [
            {
                "Version": str(number),
                "LastModified": f"2026-11-{number:02}T10:00:00.000+0000",
                "CodeSha256": "abc",
                "Environment": {"Variables": {"RELEASE": f"digest-{number}"}},
            }
            for number in self.versions
        ]
        half = len(records) // 2
        return Pages({"Versions": [{"Version": "$LATEST"}, *records[:half]]}, {"Versions": records[half:]})

    def update_alias(self, **arguments: Any) -> None:
        self.updates.append(arguments)
        self.live = int(arguments["FunctionVersion"])


@pytest.fixture(autouse=True)
def _no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)


def rolled_back(functions: Published, answer: str = "y", version: str | None = None) -> str:
    lines: list[str] = []
    roll_back(
        "dev",
        NAME,
        version,
        client=functions,
        agree=lambda question: confirm(question, lambda text: answer),
        say=lines.append,
    )
    return "\n".join(lines)


@pytest.mark.promise("D3")
@pytest.mark.feature("rollback")
class TestRollBack:
    def test_live_goes_to_the_version_before_it(self) -> None:
        functions = Published(9, 10, 11, live=11)

        text = rolled_back(functions)

        assert functions.live == 10, "by number, not by text"
        assert text.index("digest-11") < text.index("digest-10")

    def test_a_canary_ends_and_another_change_in_between_is_an_error(self) -> None:
        functions = Published(1, 2, live=2)

        rolled_back(functions)

        assert functions.updates[0]["RoutingConfig"] == {"AdditionalVersionWeights": {}}
        assert functions.updates[0]["RevisionId"] == "r1"

    def test_a_second_time_goes_further_back(self) -> None:
        functions = Published(1, 2, 3, live=3)

        rolled_back(functions)
        rolled_back(functions)

        assert functions.live == 1

    def test_a_chosen_version_may_be_newer(self) -> None:
        functions = Published(1, 2, 3, live=1)

        rolled_back(functions, version="3")

        assert functions.live == 3

    def test_without_an_answer_live_stays(self) -> None:
        functions = Published(1, 2, live=2)

        with pytest.raises(DeploymentError, match="nothing was changed"):
            rolled_back(functions, "")

        assert functions.updates == []

    @pytest.mark.parametrize(
        ("functions", "version", "message"),
        [
            (Published(4, live=4), None, "oldest that is kept"),
            (Published(4, 5, live=5), "3", "are kept: 4, 5"),
            (Published(4, 5, live=5), "newest", "are kept"),
            (Published(4, 5, live=5), "5", "live already is version 5"),
        ],
    )
    def test_a_version_that_is_not_there(self, functions: Published, version: str | None, message: str) -> None:
        with pytest.raises(DeploymentError, match=message):
            rolled_back(functions, version=version)

    def test_the_effect_of_a_later_deployment_is_reported(self) -> None:
        functions = Published(1, 2, live=2)

        text = rolled_back(functions)

        assert "next make deploy" in text
        assert "make rollback ENV=dev VERSION=2" in text
        assert held_back("dev", read_releases(Published(1, 2, live=2), NAME)) is None
