"""Hosted mode: OpenAI runs the conversation, this function only authenticates its user (`POST /chatkit/session`).

hosted = HostedMode("wf_…", LazyClient(lambda: openai.AsyncOpenAI(api_key=key)))
await hosted.session(context)          # {"client_secret": "ek_…", "expires_at": 1700000000}

OpenAI ends Agent Builder, and with it every workflow, on 30 November 2026. Until then a stack that has a workflow
keeps it; `docs/use/leaving-agent-builder.md` describes the way to an assistant of your own.
https://developers.openai.com/api/docs/guides/agent-builder/migrate-from-agent-builder
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypedDict

from chat_api.context import RequestContext
from chat_api.errors import NotFoundRequestError, UnavailableError

if TYPE_CHECKING:
    import openai

ENDED = (
    "OpenAI ends Agent Builder, which runs hosted workflows, on 30 November 2026: use POST /chatkit with an assistant "
    "of your own (docs/use/leaving-agent-builder.md)"
)

logger = logging.getLogger("chat_api.hosted")


class Session(TypedDict):
    """A client secret for ChatKit.js's `getClientSecret`; `expires_at` in epoch seconds."""

    client_secret: str
    expires_at: int


class HostedMode:
    """Sessions of one workflow; call `close` at the end of the process."""

    def __init__(self, workflow_id: str, client: openai.AsyncOpenAI) -> None:
        self._workflow_id = workflow_id
        self._client = client
        logger.warning("WORKFLOW_ID is set, but %s", ENDED)

    async def session(self, context: RequestContext) -> Session:
        """Open a session for the verified user.

        Raises NotFoundRequestError for a workflow that no longer exists, UnavailableError for any other failure.
        """
        import openai  # half a second; other requests do not need it

        try:
            session = await self._client.beta.chatkit.sessions.create(
                user=context.user_id, workflow={"id": self._workflow_id}
            )
        except openai.NotFoundError as error:
            logger.error("OpenAI has no workflow %s: %s", self._workflow_id, ENDED)
            raise NotFoundRequestError(f"this workflow no longer exists. {ENDED}") from error
        except openai.OpenAIError as error:
            raise UnavailableError("OpenAI did not open a session") from error
        return Session(client_secret=session.client_secret, expires_at=session.expires_at)

    async def close(self) -> None:
        await self._client.close()
