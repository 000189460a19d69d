"""User-facing messages for failures of the model, each with whether a retry can help.

    openai error or agents error ──▶ explain() ──▶ ChatKit's CustomStreamError(message, allow_retry)

A message never quotes the failure, which may contain parts of the conversation, a key or an internal address.
"""

from __future__ import annotations

import openai
from agents.exceptions import MaxTurnsExceeded
from chatkit.errors import CustomStreamError

from languages import say, translate

UNAVAILABLE = say("The assistant is not available right now. Please try again later.")
BUSY = say("The model is busy right now. Please try again in a moment.")
INTERRUPTED = say("The answer was interrupted. Please try again.")
TOO_SLOW = say("The model took too long to answer. Please try again.")
TOO_LONG = say("This conversation is too long for the model. Please start a new one.")
REFUSED = say("The model cannot answer this message, so it is left out from now on. Please write it differently.")
GONE = say("The model of this assistant was shut down. Its operator is informed; please try again later.")
TOO_MANY_STEPS = say("This question needs too many steps. Please split it into smaller ones.")


def replaced(name: str, replacement: str, locale: str) -> str:
    """Return the notice for an answer by another model than the chosen one."""
    notice = say("{name} was shut down. {replacement} answers instead.", name=name, replacement=replacement)
    return translate(notice, locale)


def explain(error: Exception) -> CustomStreamError:
    """Return the user-facing error for a failure of the `openai` client or the Agents SDK."""
    match error:
        case openai.RateLimitError(code="insufficient_quota"):
            return CustomStreamError(UNAVAILABLE, allow_retry=False)
        case openai.RateLimitError() | openai.InternalServerError() | openai.ConflictError():
            return CustomStreamError(BUSY, allow_retry=True)
        case openai.BadRequestError(code="context_length_exceeded"):
            return CustomStreamError(TOO_LONG, allow_retry=False)
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return CustomStreamError(REFUSED, allow_retry=False)
        case openai.NotFoundError(code="model_not_found"):
            return CustomStreamError(GONE, allow_retry=False)
        case openai.APIStatusError():  # 401, 403, 404: the key or the model's name is wrong
            return CustomStreamError(UNAVAILABLE, allow_retry=False)
        case openai.APITimeoutError():
            return CustomStreamError(TOO_SLOW, allow_retry=True)
        case MaxTurnsExceeded():
            return CustomStreamError(TOO_MANY_STEPS, allow_retry=False)
        case _:  # a broken connection, `response.failed`, `response.incomplete`, an `error` event
            return CustomStreamError(INTERRUPTED, allow_retry=True)


def describe(error: Exception) -> str:
    """Name a failure for the log without quoting it: class, HTTP status, the endpoint's code and request id."""
    facts = [getattr(error, name, None) for name in ("status_code", "code", "request_id")]
    return " ".join([type(error).__name__, *(str(fact) for fact in facts if fact)])
