"""Hosted mode: OpenAI runs the conversation, this function only authenticates its user (`POST /chatkit/session`).

hosted = HostedMode("wf_…", LazyClient(lambda: openai.AsyncOpenAI(api_key=key)))
await hosted.session(context)          # {"client_secret": "ek_…", "expires_at": 1700000000}

https://platform.openai.com/docs/api-reference/chatkit/sessions/create
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from chat_api.context import RequestContext
from chat_api.errors import UnavailableError

if TYPE_CHECKING:
    import openai


class Session(TypedDict):
    """A client secret for ChatKit.js's `getClientSecret`; `expires_at` in epoch seconds."""

    client_secret: str
    expires_at: int


class HostedMode:
    """Sessions of one workflow; call `close` at the end of the process."""

    def __init__(self, workflow_id: str, client: openai.AsyncOpenAI) -> None:
        self._workflow_id = workflow_id
        self._client = client

    async def session(self, context: RequestContext) -> Session:
        """Open a session for the verified user. Raises UnavailableError."""
        import openai  # half a second; other requests do not need it

        try:
            session = await self._client.beta.chatkit.sessions.create(
                user=context.user_id, workflow={"id": self._workflow_id}
            )
        except openai.OpenAIError as error:
            raise UnavailableError("OpenAI did not open a session") from error
        return Session(client_secret=session.client_secret, expires_at=session.expires_at)

    async def close(self) -> None:
        await self._client.close()
