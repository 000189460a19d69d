"""Dictation: the words of a recording, from an OpenAI-compatible transcription endpoint.

await transcribe(client, AudioInput(data=…, mime_type="audio/webm;codecs=opus"))        # "How much did I …"
"""

from __future__ import annotations

import openai
from chatkit.types import AudioInput

from assistant_kit.failures import explain
from chat_api.errors import InvalidRequestError
from languages import say

NOT_AUDIO = say("this recording is not valid audio: record it again")
SUFFIXES = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/wav": "wav", "audio/mpeg": "mp3"}


async def transcribe(client: openai.AsyncOpenAI, model: str, audio: AudioInput) -> str:
    """Return the spoken words.

    Raises InvalidRequestError for a recording that the endpoint rejects, CustomStreamError with a message for the user
    for every other failure.
    """
    name = f"speech.{SUFFIXES.get(audio.media_type, 'webm')}"  # the endpoint derives the format from the suffix
    try:
        result = await client.audio.transcriptions.create(model=model, file=(name, audio.data, audio.media_type))
    except openai.BadRequestError as error:
        raise InvalidRequestError(NOT_AUDIO) from error
    except openai.OpenAIError as error:
        raise explain(error) from error
    return result.text.strip()
