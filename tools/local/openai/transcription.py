"""Answers to `POST /v1/audio/transcriptions`. No I/O.

    transcribe("multipart/form-data; boundary=…", body)      # {"text": "How much did I spend on groceries?", …}

The local model does not recognize speech. If the audio contains the bytes `text=…` (`spoken` makes such audio), the
answer is that text. Otherwise it is the size of the audio, which shows that the bytes arrived.
"""

from __future__ import annotations

import re
from collections.abc import Container
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tools.local.openai.request import unknown_model
from tools.local.openai.simulations import Failure

MODELS = ("gpt-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1")
SUFFIXES = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
EBML = b"\x1a\x45\xdf\xa3"


def spoken(text: str) -> bytes:
    """Return bytes with a WebM header that the local model transcribes as `text`."""
    return EBML + b"\0text=" + text.encode() + b"\0"


def transcribe(content_type: str, body: bytes, missing: Container[str] = ()) -> dict[str, Any] | Failure:
    """Return the transcription for a form with `file` and `model`, or the error for an invalid form."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
    if "file" not in fields or "model" not in fields:
        return Failure(400, "Missing required parameter: 'file' or 'model'.", "missing_required_parameter")
    if (model := _content(fields["model"]).decode()) not in MODELS or model in missing:
        return unknown_model(model)
    name, audio = fields["file"].get_filename() or "", _content(fields["file"])
    if not name.lower().endswith(SUFFIXES) or not audio:
        message = f"Invalid file format. Supported formats: {list(SUFFIXES)}"
        return Failure(400, message, "unsupported_value", param="file")
    if name.lower().endswith("webm") and not audio.startswith(EBML):
        return Failure(400, "Audio file might be corrupted or unsupported", "invalid_value", param="file")
    found = re.search(rb"text=([^\0]+)", audio)
    text = (
        found[1].decode("utf-8", "replace") if found else f"{len(audio)} bytes of {fields['file'].get_content_type()}"
    )
    return {"text": text, "usage": {"type": "duration", "seconds": 1}}


def _content(part: Any) -> bytes:
    return part.get_payload(decode=True) or b""
