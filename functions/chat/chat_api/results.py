"""What a request of ChatKit's protocol ends in: `ChatKitServer`'s two kinds, without its imports."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamingResult:
    """Events as they come, in the form of server-sent events."""

    json_events: AsyncGenerator[bytes]


@dataclass(frozen=True, slots=True)
class NonStreamingResult:
    """One JSON document."""

    json: bytes
