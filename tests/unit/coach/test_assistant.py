"""The factory: found by its setting and cheap to import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chat_api.assistant import (
    AssistantSettings,
    SupportsActions,
    SupportsClose,
    SupportsMentions,
    SupportsModels,
    SupportsSyncActions,
    SupportsTitles,
    SupportsTranscription,
)
from chat_api.factory import load_factory
from tests.fakes.accounts import dynamodb


def test_importing_the_factory_imports_no_sdk() -> None:
    code = "import sys, coach.assistant; print([m for m in ('agents', 'openai', 'mcp', 'boto3') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": "functions/chat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


async def key() -> str:
    raise AssertionError("the key was read at start")


@pytest.mark.feature("bring-your-own")
async def test_the_setting_names_the_factory_and_no_key_is_read_at_start() -> None:
    with dynamodb() as (name, client):
        settings = AssistantSettings("gpt-6.1-terra", "http://127.0.0.1:1/v1", key, name, client)
        coach = load_factory("coach.assistant:build")(settings)
        protocols = (
            SupportsActions,
            SupportsSyncActions,
            SupportsTranscription,
            SupportsTitles,
            SupportsMentions,
            SupportsModels,
        )
        for protocol in protocols:
            assert isinstance(coach, protocol), protocol.__name__
        assert isinstance(coach, SupportsClose)
        await coach.close()


def test_a_stack_of_0_1_0_keeps_its_assistant() -> None:
    assert load_factory("coach.agent:build") is load_factory("coach.assistant:build")


def test_without_a_table_it_does_not_start() -> None:
    with pytest.raises(ValueError, match="ASSISTANT_TABLE"):
        load_factory("coach.assistant:build")(AssistantSettings("gpt-6.1-terra", None, key))


def test_nothing_is_left_to_build_for_the_first_turn() -> None:
    code = "from coach.assistant import build_validators as build; print(build() > 50, build())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": "functions/chat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True 0"
