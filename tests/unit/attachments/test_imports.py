"""Imports of the library: none of our other packages, and no SDK that only types need."""

from __future__ import annotations

import subprocess
import sys

import pytest

OURS = ("store_dynamo", "chat_api", "assistant_kit", "coach", "lambda_streaming", "janitor", "tools")


@pytest.fixture(scope="module")
def imported() -> set[str]:
    code = "import sys, attachments_s3; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_library_imports_nothing_of_ours(imported: set[str]) -> None:
    assert not imported & set(OURS)


def test_library_imports_no_sdk_that_it_only_names_in_types(imported: set[str]) -> None:
    assert not imported & {"openai", "boto3", "mypy_boto3_s3", "PIL"}
