"""A mutant that no longer applies breaks nothing: `make mutants` takes too long to find that out with every change."""

from __future__ import annotations

import subprocess

import pytest

from tests.mutants.run import HERE, ROOT, Mutant, main

PATCHES = sorted(HERE.glob("*.patch"))


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_patch_applies_and_its_test_exists(path):
    mutant = Mutant.read(path)

    applied = subprocess.run(["git", "apply", "--check", str(path)], cwd=ROOT, capture_output=True, check=False)

    assert applied.returncode == 0, applied.stderr.decode()
    assert (ROOT / mutant.red.partition("::")[0]).is_file()
    assert path.stem.startswith(f"{mutant.promise}-")


def test_a_promise_that_no_mutant_breaks_is_named(capsys):
    assert main(["S99"]) == 1
    assert "S99" in capsys.readouterr().out
