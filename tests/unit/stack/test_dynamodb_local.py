"""DynamoDB Local is installed only if every file has its recorded checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tools.local.dynamodb_local import CHECKSUMS, JAR, ChecksumError, install

FILES = {"a.jar": b"A", "b.so": b"B"}
RECORDED = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items())


def download(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_recorded_files_are_installed_and_replace_others(tmp_path: Path) -> None:
    target = download(tmp_path / "lib", {"old.jar": b"old"})

    install(download(tmp_path / "new", FILES), target, RECORDED)

    assert {path.name: path.read_bytes() for path in target.iterdir()} == FILES


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (FILES | {"a.jar": b"changed"}, "a.jar"),
        (FILES | {"more.jar": b""}, "more.jar"),
        ({"a.jar": b"A"}, "b.so"),
        ({}, "a.jar"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, files: dict[str, bytes], named: str) -> None:
    with pytest.raises(ChecksumError, match=named):
        install(download(tmp_path / "new", files), tmp_path / "lib", RECORDED)

    assert not (tmp_path / "lib").exists()


def test_the_recorded_files_are_of_the_version() -> None:
    assert JAR.name in {line.split()[1] for line in CHECKSUMS.read_text().splitlines()}
