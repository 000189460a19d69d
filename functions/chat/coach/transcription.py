"""Dictation: speech to text by the model's audio endpoint.

text = await transcribe(client, AudioInput(data=…, mime_type="audio/webm;codecs=opus"))
"""

from __future__ import annotations

import openai
from chatkit.types import AudioInput

from chat_api.errors import InvalidRequestError
from coach.failures import explain

MODEL = "gpt-4o-mini-transcribe"
NOT_AUDIO = "this recording cannot be understood as audio: record it again"
SUFFIXES = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/wav": "wav", "audio/mpeg": "mp3"}


async def transcribe(client: openai.AsyncOpenAI, audio: AudioInput) -> str:
    """Return what was said. The endpoint knows a format by the name's ending.

    Raises InvalidRequestError for what is no audio, CustomStreamError with what the user is told of any other failure.
    """
    name = f"speech.{SUFFIXES.get(audio.media_type, 'webm')}"
    try:
        result = await client.audio.transcriptions.create(model=MODEL, file=(name, audio.data, audio.media_type))
    except openai.BadRequestError as error:
        raise InvalidRequestError(NOT_AUDIO) from error
    except openai.OpenAIError as error:
        raise explain(error) from error
    return result.text.strip()
