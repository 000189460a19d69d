"""A module fits into a reader's head: at most 350 lines, in all shipped packages and tools."""

from __future__ import annotations

import subprocess

from tools import ROOT

MAX_LINES = 350
FOLDERS = ["functions", "store_dynamo", "attachments_s3", "layers", "tools", "frontend/src", "frontend/plain-chat"]
TESTS = (".test.ts", ".test.tsx")


def test_modules_have_at_most_350_lines() -> None:
    listed = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = [each for each in listed.stdout.split() if each.endswith((".py", ".ts", ".tsx"))]
    lines = {each: len((ROOT / each).read_text().splitlines()) for each in modules if not each.endswith(TESTS)}

    assert len(lines) > 400
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
