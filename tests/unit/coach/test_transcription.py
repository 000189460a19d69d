"""Dictation that fails tells the user so, in our words."""

from __future__ import annotations

import openai
import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import AudioInput

from coach.transcription import transcribe

NOBODY_LISTENS = "http://127.0.0.1:9/v1"


async def test_model_that_cannot_be_reached_is_a_message_not_an_internal_error() -> None:
    async with openai.AsyncOpenAI(api_key="sk-none", base_url=NOBODY_LISTENS, max_retries=0) as client:
        with pytest.raises(CustomStreamError) as told:
            await transcribe(client, AudioInput(data=b"", mime_type="audio/webm"))

    assert told.value.message
    assert "127.0.0.1" not in told.value.message
