"""The factory: cheap to import, found by its setting."""

from __future__ import annotations

import os
import subprocess
import sys

from chat_api.assistant import AssistantSettings, load_factory


def test_importing_the_factory_imports_no_sdk() -> None:
    code = (
        "import sys, coach.agent; print([m for m in ('agents', 'openai', 'chatkit', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": "functions/chat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


async def test_the_setting_names_the_factory_and_no_key_is_read_at_start() -> None:
    async def key() -> str:
        raise AssertionError("read too early")

    coach = load_factory("coach.agent:build")(AssistantSettings("gpt-5.1", "http://127.0.0.1:1/v1", key))
    assert callable(coach.respond)
    await coach.close()  # pyright: ignore[reportAttributeAccessIssue]
