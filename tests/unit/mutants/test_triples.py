"""Every mutant still applies and names an existing test. Running them all takes too long for `make test`."""

from __future__ import annotations

import re

import pytest

from tools import ROOT
from tools.mutants.__main__ import ForeignSourcesError, assert_own_sources, copy_tracked_files, main
from tools.mutants.triples import Mutant, StaleMutantError, is_vitest, read_mutants
from tools.workspace import members

MUTANTS = read_mutants()
NAMES = {
    name
    for path in (ROOT / "tests").rglob("*.py")
    for name in re.findall(r"^\s*(?:async def|def|class) ([Tt]est_?\w+)", path.read_text(), re.MULTILINE)
} | {
    name
    for path in (ROOT / "store_dynamo").rglob("testing/*.py")
    for name in re.findall(r"^\s*(?:async def|def|class) ([Tt]est_?\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.promise}-{mutant.name}")
def test_a_mutant_applies_and_its_test_exists(mutant):
    source = (ROOT / mutant.file).read_text()

    assert mutant.mutated(source) != source
    file, _, rest = mutant.test.partition("::")
    assert (ROOT / file).is_file()
    assert is_vitest(mutant.test) or rest.rpartition("::")[2].partition("[")[0] in NAMES


def test_every_promise_has_a_mutant():
    page = (ROOT / "docs" / "understand" / "architecture.md").read_text()
    promises = set(re.findall(r"^\| ([A-Z]\d+) \|", page, re.MULTILINE))

    assert promises
    assert promises - {mutant.promise for mutant in MUTANTS} == set()


def test_names_are_unique_within_a_promise():
    names = [(mutant.promise, mutant.name) for mutant in MUTANTS]

    assert len(names) == len(set(names))


def test_an_old_text_that_occurs_twice_is_stale():
    mutant = Mutant("S1", "twice", "", "", "file.py", (("a", "b"),))

    with pytest.raises(StaleMutantError, match="2 times"):
        mutant.mutated("a a")


def test_a_promise_without_a_mutant_is_named(capsys):
    assert main(["S99"]) == 1
    assert "S99" in capsys.readouterr().out


class TestCopies:
    """With editable installs, a copy that imports the original sources would let every mutant survive."""

    def test_a_copy_imports_its_own_sources(self, tmp_path):
        copy = copy_tracked_files(tmp_path)

        assert {member.source.is_relative_to(copy) for member in members(copy)} == {True}
        assert_own_sources(copy)

    def test_a_copy_that_imports_other_sources_is_refused(self, tmp_path):
        copy_tracked_files(tmp_path)
        member = members(tmp_path)[0]
        (member.source / member.packages[0]).rename(tmp_path / "elsewhere")

        with pytest.raises(ForeignSourcesError):
            assert_own_sources(tmp_path)
