"""What may be dictated (`input.transcribe`): three kinds of audio, of a bounded size."""

from __future__ import annotations

import base64

from chatkit.types import InputTranscribeParams

from chat_api.errors import InvalidRequestError, TooLargeError

MEDIA_TYPES = ("audio/webm", "audio/ogg", "audio/mp4")
"""What ChatKit.js records."""
MAX_AUDIO_BYTES = 2_500_000
"""About seven minutes of speech at 48 kbit/s, and below Lambda's limit for a request after base64."""


def check_audio(params: InputTranscribeParams) -> None:
    """Raise InvalidRequestError or TooLargeError for what is no audio that an assistant takes."""
    media_type = params.mime_type.split(";", 1)[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise InvalidRequestError(f"params.mime_type: {' or '.join(MEDIA_TYPES)}")
    try:
        size = len(base64.b64decode(params.audio_base64, validate=True))
    except ValueError as error:  # not ASCII, or binascii.Error
        raise InvalidRequestError("params.audio_base64: not base64") from error
    if not size:
        raise InvalidRequestError("params.audio_base64: nothing was recorded")
    if size > MAX_AUDIO_BYTES:
        raise TooLargeError(f"the recording has {size} bytes, {MAX_AUDIO_BYTES} are allowed: speak shorter")
