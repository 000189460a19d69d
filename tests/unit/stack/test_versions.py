"""Old versions are deleted, except the live one and two to roll back to."""

from __future__ import annotations

from typing import Any

import pytest

from tools.stack.versions import Versions


class Functions:
    """Lambda with one function; `pages` returns versions in two pages."""

    def __init__(self, numbers: list[int], **aliases: tuple[str, dict[str, float]]) -> None:
        self.numbers = [str(number) for number in numbers]
        self.aliases = aliases
        self.operation = ""

    def get_paginator(self, operation: str) -> Functions:
        self.operation = operation
        return self

    def paginate(self, FunctionName: str) -> list[dict[str, Any]]:
        if self.operation == "list_aliases":
            return [
                {"Aliases": [{"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}}]}
                for version, weights in self.aliases.values()
            ]
        half = len(self.numbers) // 2
        pages = (["$LATEST", *self.numbers[:half]], self.numbers[half:])
        return [{"Versions": [{"Version": each} for each in page]} for page in pages]

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:
        self.numbers.remove(Qualifier)


@pytest.mark.promise("D1")
@pytest.mark.parametrize(
    ("numbers", "live", "spare", "left"),
    [
        ([1], "1", set[str](), ["1"]),
        ([1, 2, 3], "3", {"2"}, ["1", "2", "3"]),
        ([8, 9, 10, 11], "11", {"10"}, ["9", "10", "11"]),
        # Version 5 served before, because the operator had rolled back to it.
        ([5, 6, 7, 8], "8", {"5"}, ["5", "7", "8"]),
        # Rolled back: the newest versions remain.
        ([1, 2, 3, 4, 5], "2", {"2"}, ["2", "4", "5"]),
    ],
)
def test_the_live_version_and_two_others_remain(
    numbers: list[int], live: str, spare: set[str], left: list[str]
) -> None:
    functions = Functions(numbers, live=(live, {}))

    gone = Versions(functions, "f").prune(spare)

    assert functions.numbers == left
    assert sorted(gone + left, key=int) == [str(number) for number in numbers]


def test_versions_of_other_aliases_and_of_a_gradual_shift_remain() -> None:
    functions = Functions([1, 2, 3, 4, 5, 6, 7], live=("7", {"1": 0.1}), mine=("2", {}))

    Versions(functions, "f").prune()

    assert functions.numbers == ["1", "2", "5", "6", "7"]
