"""Simulated trouble: the local model's behavior for messages that contain `simulate …`.

SIMULATIONS["error"]("429")     # Failure(status=429, code="rate_limit_exceeded", …)
SIMULATIONS["slow"]("0.2")      # Script with 0.2 s before each word
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.local.openai.responses import Ending, Message, Output

SILENCE_SECONDS = 3600.0


@dataclass(frozen=True)
class Script:
    """One answer: its items, how it ends, and its timing."""

    outputs: tuple[Output, ...]
    ending: Ending = "completed"
    delay_seconds: float | None = None  # before each delta; None means the server's delay
    silence_seconds: float = 0.0  # after the opening events, before the first item
    cut_after_deltas: int | None = None  # close the connection after this many


@dataclass(frozen=True)
class Failure:
    """An HTTP error in OpenAI's form; status 0 means that the server never answers."""

    status: int
    message: str
    code: str | None = None
    kind: str = "invalid_request_error"
    param: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the documented error body."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


ERRORS = {
    400: Failure(
        400, "Invalid value: 'simulate error 400'.", "invalid_value", param="input"
    ),  # OpenAI quotes the value, too
    401: Failure(401, "Incorrect API key provided.", "invalid_api_key"),
    403: Failure(403, "You are not allowed to use this model.", "unsupported_country_region_territory"),
    404: Failure(404, "The model does not exist or you do not have access to it.", "model_not_found"),
    429: Failure(429, "Rate limit reached for requests.", "rate_limit_exceeded", "requests"),
    500: Failure(500, "The server had an error while processing your request.", None, "server_error"),
    503: Failure(503, "The engine is currently overloaded, please try again later.", None, "server_error"),
}
REJECTED = Failure(
    400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"
)
"""The answer to a conversation that contains `simulate rejected` anywhere, in each of its requests."""
PROSE = Path(__file__).parent / "prose.txt"
LONG = "Saving is a habit more than a sum, and every coin that you do not spend today is there for you tomorrow. "


def _error(value: str) -> Failure:
    return ERRORS.get(int(value) if value.isdigit() else 500, ERRORS[500])


def _long(value: str, delay_seconds: float | None = None) -> Script:
    words = int(value) if value.isdigit() else 200
    text = LONG * (words // len(LONG.split()) + 1)
    return Script((Message(" ".join(text.split()[:words])),), delay_seconds=delay_seconds)


def _prose(value: str) -> Script:
    """Return text without repetition, so that its stored, compressed size is realistic."""
    return Script((Message(" ".join(PROSE.read_text().split()[: int(value or 200)])),))


def _quota(_value: str) -> Failure:
    return Failure(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")


def _context(_value: str) -> Failure:
    message = "Your input exceeds the context window of this model. Please adjust your input and try again."
    return Failure(400, message, "context_length_exceeded", param="input")


SIMULATIONS: dict[str, Callable[[str], Script | Failure]] = {
    "error": _error,  # simulate error 429
    "quota": _quota,
    "context": _context,
    "timeout": lambda _: Failure(0, "never sent"),
    "silence": lambda _: Script((Message(LONG),), silence_seconds=SILENCE_SECONDS),
    "slow": lambda value: _long("60", float(value or 0.5)),  # simulate slow 0.2
    "long": _long,  # simulate long 500
    "prose": _prose,  # simulate prose 500
    "cut": lambda value: Script((Message(LONG),), cut_after_deltas=int(float(value or 5))),
    "failed": lambda _: Script((Message("I was about to say"),), ending="failed"),
    "rejected": lambda _: REJECTED,
    "filtered": lambda _: Script((Message("Once upon a time"),), ending="filtered"),
    "incomplete": lambda _: Script((Message("The answer is as long as"),), ending="incomplete"),
    "refusal": lambda _: Script((Message("I cannot help with that.", refusal=True),)),
    "source": lambda _: Script(
        (Message("See the Budget guide.", url_citations=(("https://example.com/budget", "Budget guide"),)),)
    ),
}
