"""The developer's machine: no real key in files, and no file that other accounts can read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tools.local.callers import AWS_DOMAINS, refusal
from tools.local.openai.server import API_KEY
from tools.local.stack import make_private, scrub_secrets

REAL_KEY = "sk-proj-Abc_123-" + "x" * 40


def test_a_key_that_an_earlier_version_stored_is_scrubbed_in_every_version(tmp_path: Path) -> None:
    other = 'an Azure key without prefix " \\ '
    versions = {"v1": {"SecretString": REAL_KEY, "Stages": ["AWSPREVIOUS"]}, "v2": {"SecretString": other}}
    (tmp_path / "secretsmanager.json").write_text(json.dumps({"secrets": {"OpenAI": {"Versions": versions}}}))
    (tmp_path / "lambda.json").write_text(json.dumps({"Environment": {"OPENAI_API_KEY": REAL_KEY, "KEEP": "x"}}))

    scrub_secrets(tmp_path)
    scrub_secrets(tmp_path)

    secrets = json.loads((tmp_path / "secretsmanager.json").read_text())["secrets"]["OpenAI"]["Versions"]
    assert [each["SecretString"] for each in secrets.values()] == [API_KEY, API_KEY]
    assert secrets["v1"]["Stages"] == ["AWSPREVIOUS"]
    environment = json.loads((tmp_path / "lambda.json").read_text())["Environment"]
    assert environment == {"OPENAI_API_KEY": API_KEY, "KEEP": "x"}


def test_a_folder_becomes_private_with_everything_in_it(tmp_path: Path) -> None:
    folder = tmp_path / ".local"
    (folder / "aws" / "state").mkdir(parents=True)
    (folder / "aws" / "state" / "secretsmanager.json").write_text("{}")
    (folder / "aws" / "state" / "secretsmanager.json").chmod(0o644)
    (folder / "link").symlink_to(tmp_path)
    tmp_path.chmod(0o755)

    make_private(folder)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes == {".local": 0o700, "aws": 0o700, "state": 0o700, "secretsmanager.json": 0o600, "link": 0o755}


HERE = {"host": "127.0.0.1:4566"}


@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        {"host": "localhost"},
        {"host": "[::1]:80"},
        {"host": "app.localhost:5173"},
        HERE | {"origin": "http://localhost:5173"},
        HERE | {"origin": "http://127.0.0.1:1", "sec-fetch-site": "cross-site"},
        HERE | {"sec-fetch-site": "none"},
        {"host": "bucket.s3.eu-west-1.amazonaws.com"},
    ],
)
def test_programs_and_pages_of_this_machine_are_accepted(headers: dict[str, str]) -> None:
    assert refusal(headers, "", AWS_DOMAINS) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "127.0.0.1.evil.example:4566"},
        {"host": "evil.example:127.0.0.1"},
        {"host": "localhost@evil.example"},
        {"host": "[::1"},
        {"host": "192.168.1.7:4566"},
        {"host": "evilamazonaws.com"},
        HERE | {"origin": "null"},
        HERE | {"origin": ""},
        HERE | {"origin": "https://evil.example"},
        HERE | {"origin": "http://localhost.evil.example"},
        HERE | {"origin": "http://evil.example#localhost"},
        HERE | {"origin": "file://"},
        HERE | {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    assert "this machine" in (refusal(headers, "", AWS_DOMAINS) or "")


def test_hosts_of_aws_are_only_for_aws() -> None:
    assert refusal({"host": "bucket.s3.eu-west-1.amazonaws.com"}) is not None


@pytest.mark.parametrize(
    ("query", "accepted"),
    [
        ("X-Amz-Credential=ASIA1%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=0a", True),
        ("X-Amz-Credential=test%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=0a", False),
        ("X-Amz-Credential=ASIA1%2F20260101%2Feu-west-1%2Fs3%2Faws4_request", False),
        ("Action=DeleteUser&UserName=app", False),
        ("", False),
    ],
)
def test_a_page_may_show_presigned_images_only(query: str, accepted: bool) -> None:
    assert (refusal(HERE | {"sec-fetch-site": "cross-site"}, query) is None) is accepted
