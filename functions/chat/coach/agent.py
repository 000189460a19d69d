"""The sample assistant, named by the setting `ASSISTANT=coach.agent:build`.

`build` is called when the function initialises, and is cheap. What the coach can say without the model (what it
offers, what can be mentioned, the panel beside the chat) it says here; `spendo` holds the rest and imports the Agents
SDK, which takes seconds on a small machine: `prepare` does it before the first turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.types import (
    AudioInput,
    SyncCustomActionResponse,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)

from chat_api.assistant import AssistantSettings, Entity, Turn
from coach import choices
from coach.accounts import utc_today
from coach.accounts_table import AccountsTable, AccountsUnavailableError
from coach.entities import entities
from coach.overview import overview

if TYPE_CHECKING:
    from coach.spendo import Spendo


def build(settings: AssistantSettings) -> Coach:
    """Return the coach; it opens its HTTP client with the first turn, `close()` closes it.

    Raises ValueError without a table: users' budgets must not live in one process's memory.
    """
    if settings.table is None or settings.dynamodb is None:
        raise ValueError("the coach keeps accounts in a table: set ASSISTANT_TABLE")
    return Coach(settings, AccountsTable(settings.table, settings.dynamodb))


class Coach:
    """One per process, for all users."""

    tools = choices.TOOLS

    def __init__(
        self, settings: AssistantSettings, accounts: AccountsTable, today: Callable[[], date] = utc_today
    ) -> None:
        self.models = choices.models(settings.openai_model)
        self._settings = settings
        self._accounts = accounts
        self._today = today
        self._spendo: Spendo | None = None

    def prepare(self) -> None:
        """Import what asks the model, and build what its first answer would wait for."""
        from coach.readiness import get_ready
        from coach.spendo import Spendo

        get_ready()
        self._spendo = Spendo(self._settings, self._accounts, self._today)

    @property
    def _prepared(self) -> Spendo:
        if self._spendo is None:
            raise RuntimeError("prepare() comes first")
        return self._spendo

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self._prepared.respond(thread, message, turn)

    def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self._prepared.action(thread, action, sender, turn)

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse:
        return await self._prepared.sync_action(thread, action, sender, turn)

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        return await self._prepared.transcribe(audio, turn)

    async def title(self, message: UserMessageItem) -> str | None:
        return await self._prepared.title(message)

    async def entities(self, query: str, turn: Turn) -> list[Entity]:
        """Return the accounts and categories that fit what was typed after the @."""
        return entities(query)

    async def overview(self, turn: Turn) -> dict[str, Any]:
        """Return the user's money for the panel beside the chat. Raises CustomStreamError."""
        try:
            finances = await self._accounts.read(turn.context.user_id, self._today())
        except AccountsUnavailableError as error:
            raise CustomStreamError("Your accounts cannot be reached right now.", allow_retry=True) from error
        return overview(finances, self._today())

    async def close(self) -> None:
        """Close the connections to the model."""
        if self._spendo is not None:
            await self._spendo.close()
