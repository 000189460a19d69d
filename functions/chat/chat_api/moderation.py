"""Moderation of the texts of clients and of the assistant's answers.

    reason = await moderate(assistant, statement_of(request), context)  # None: allowed

Moderation is off unless the assistant has the method. A client's text is checked after admission, before anything is
stored or sent to a model. An answer is checked when it is complete and before it is stored; its deltas have reached the
user by then. A refused answer is removed from the stream and replaced by the reason, and no part of its text is stored,
not even if the turn is stopped (`chatkit_run`).
"""

from __future__ import annotations

import asyncio
import json

from chatkit.types import (
    AssistantMessageItem,
    ChatKitReq,
    ItemsFeedbackReq,
    ThreadsAddClientToolOutputReq,
    ThreadsAddStructuredInputReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadsRetryAfterItemReq,
    ThreadsSyncCustomActionReq,
)

from chat_api.assistant import Statement, SupportsModeration
from chat_api.context import RequestContext
from chat_api.errors import UnavailableError, contained
from chat_api.request_checks import new_content, reason_of
from languages import say

MODERATION_SECONDS = 5.0
NOT_CHECKED = say("The answer could not be checked and was removed. Please try again.")


async def moderate(moderator: SupportsModeration, statement: Statement, context: RequestContext) -> str | None:
    """Return the reason for a refusal, or None. Raises UnavailableError if the check fails or is too slow."""
    try:
        with contained():
            async with asyncio.timeout(MODERATION_SECONDS):
                return await moderator.moderate(statement, context)
    except Exception as error:
        raise UnavailableError("the moderation did not answer") from error


def statement_of(request: ChatKitReq) -> Statement | None:
    """Return all text of a request that would be stored or reach the model; None if it brings none."""
    match request:
        case ThreadsCreateReq() | ThreadsAddUserMessageReq():
            message = request.params.input
            parts = [part.text for part in message.content] + ([message.quoted_text] if message.quoted_text else [])
            return Statement("message", "\n".join(parts))
        case ItemsFeedbackReq():
            reason = reason_of(request)
            return Statement("feedback", reason) if reason else None
        case ThreadsRetryAfterItemReq():
            content = new_content(request)
            return None if content is None else Statement("message", "\n".join(part.text for part in content))
        case ThreadsAddStructuredInputReq():
            answers = request.params.input.answers.values()
            return Statement("form", "\n".join(value for answer in answers for value in answer.values))
        case ThreadsAddClientToolOutputReq():
            return Statement("tool", json.dumps(request.params.result, ensure_ascii=False))
        case ThreadsCustomActionReq() | ThreadsSyncCustomActionReq():
            return Statement("action", json.dumps(request.params.action.payload, ensure_ascii=False))
        case _:
            return None


def answer_statement(item: AssistantMessageItem) -> Statement:
    """Return an answer's text."""
    return Statement("answer", "\n".join(part.text for part in item.content))
