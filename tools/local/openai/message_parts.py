"""Validation of message parts: flagged text, images and documents, decoded as OpenAI decodes them. No I/O.

part_fault({"type": "input_image", "image_url": "data:image/png;base64,…"}, "input[0].content[1]")   # Failure or None
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

from tools.local.openai.simulations import REJECTED, Failure

Item = Mapping[str, Any]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


DOCUMENTS = words(
    "pdf doc docx rtf odt ppt pptx xls xlsx csv tsv iif txt md json jsonl html xml yaml yml log ini css js ts py java "
    "c cpp h cs go rs rb php sh sql tex"
)
"""File name extensions that the Responses API reads: https://developers.openai.com/api/docs/guides/file-inputs."""
END_MARKS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def part_fault(part: Item, place: str) -> Failure | None:
    """Return the error for one part of a message of the Responses API."""
    match part["type"]:
        case "input_image":
            return image_fault(part.get("image_url"), place) if not part.get("file_id") else None
        case "input_file":
            return file_fault(part, place)
        case "refusal":
            return None
        case _:
            if not isinstance(part.get("text"), str):
                return missing(f"{place}.text")
            return prompt_fault(part["text"]) if part["type"] == "input_text" else None


def prompt_fault(text: str) -> Failure | None:
    """Return the error for a text that OpenAI flags, wherever it is in the conversation."""
    return REJECTED if "simulate rejected" in text else None


def image_fault(source: Any, place: str) -> Failure | None:
    """Return the error for an image that is missing or that does not decode to its end."""
    if not isinstance(source, str) or not source:
        return missing(f"{place}.image_url")
    if not source.startswith("data:"):
        return None
    mime_type, data = decoded(source)
    if data is None or mime_type not in IMAGE_TYPES or not _is_image(data):
        message = (
            "The image data you provided does not represent a valid image. Please check your input and try again with "
            f"one of the following image formats: {list(IMAGE_TYPES)}."
        )
        return Failure(400, message, "invalid_image", param=f"{place}.image_url")
    return None


def _is_image(data: bytes) -> bool:
    """Return whether an image decodes to its end; Pillow alone accepts a PNG or a JPEG without its last bytes."""
    from PIL import Image  # 60 ms, and most conversations have no image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:
        return False
    end = END_MARKS.get(image.format or "")
    return end is None or end in data


def file_fault(part: Item, place: str) -> Failure | None:
    """Return the error for a document with another name, type or content than the API reads."""
    if part.get("file_id") or part.get("file_url"):
        return None
    name, source = part.get("filename"), part.get("file_data")
    if not source or not name:
        return missing(f"{place}.{'file_data' if not source else 'filename'}")
    mime_type, data = decoded(source)
    suffix = str(name).rpartition(".")[2].lower()
    if data is None:
        return Failure(400, f"Invalid '{place}.file_data': expected base64.", "invalid_base64", param=place)
    if suffix not in DOCUMENTS or (suffix == "pdf") is not (mime_type == "application/pdf"):
        message = f"Invalid file: '{name}' of the type {mime_type} is not a supported document."
        return Failure(400, message, "unsupported_file", param=f"{place}.filename")
    if suffix == "pdf" and not (b"%PDF-" in data[:1024] and b"%%EOF" in data[-2048:]):
        return Failure(400, "The PDF cannot be parsed.", "invalid_file", param=f"{place}.file_data")
    if suffix in ("docx", "xlsx", "pptx") and not (data[:2] == b"PK" and b"PK\x05\x06" in data[-70_000:]):
        return Failure(400, "The document cannot be parsed.", "invalid_file", param=f"{place}.file_data")
    return None


def decoded(source: str) -> tuple[str, bytes | None]:
    """Return the type and the bytes of a data URL; None instead of bytes that are not base64."""
    head, _, data = source.removeprefix("data:").partition(",")
    try:
        return head.partition(";")[0], base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return head.partition(";")[0], None


def missing(name: str) -> Failure:
    """Return the error for an absent parameter."""
    return Failure(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", param=name)


def invalid(message: str, param: str) -> Failure:
    """Return the error for a parameter with a wrong value."""
    return Failure(400, message, "invalid_value", param=param)
