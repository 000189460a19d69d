"""The sample assistant. `ASSISTANT=coach.assistant:build` names its factory.

    coach = build(AssistantSettings(openai_model="gpt-6.1-terra", …, table="accounts", dynamodb=client))
    coach.prepare()                              # imports the Agents SDK: seconds on a small machine
    async for event in coach.respond(thread, message, turn): …

Theory. The factory runs while the function initialises, so a thread list waits for it. This module therefore answers
the requests that need no model (composer options, mentions, the overview) and imports neither `openai` nor the Agents
SDK. `coach.agent` holds everything that calls the model; `prepare` imports it before the first turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
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
from pydantic import BaseModel

from chat_api.assistant import AssistantSettings, Entity, Turn
from coach import choices
from coach.accounts import utc_today
from coach.accounts_table import AccountsTable, AccountsUnavailableError
from coach.entities import entities
from coach.overview import change as apply_change
from coach.overview import overview
from languages import say

if TYPE_CHECKING:
    from coach.agent import CoachAgent

UNREACHABLE = say("Your accounts cannot be reached right now.")


def build(settings: AssistantSettings) -> Coach:
    """Return the coach. It connects to the model on the first turn; `close()` closes that connection.

    Raises ValueError without a table: budgets must outlive one process.
    """
    if settings.table is None or settings.dynamodb is None:
        raise ValueError("the coach keeps accounts in a table: set ASSISTANT_TABLE")
    return Coach(settings, AccountsTable(settings.table, settings.dynamodb))


def build_validators() -> int:
    """Build the pydantic validators of a streamed answer and return how many were missing.

    `openai` and `chatkit` build each model's validator on first use: half a second in the middle of the first answer.
    """
    import chatkit.types
    import openai.types.responses

    names = [*vars(chatkit.types).values(), *vars(openai.types.responses).values()]
    models = [each for each in names if isinstance(each, type) and issubclass(each, BaseModel)]
    return sum(model.model_rebuild() is True for model in models if model is not BaseModel)


class Coach:
    """The coach. One per process, shared by all users."""

    tools = choices.TOOLS

    def __init__(
        self, settings: AssistantSettings, accounts: AccountsTable, today: Callable[[], date] = utc_today
    ) -> None:
        self.models = choices.models(settings)
        self._settings = settings
        self._accounts = accounts
        self._today = today
        self._loaded: CoachAgent | None = None

    def prepare(self) -> None:
        """Import the Agents SDK and build the validators that the first answer would otherwise wait for."""
        from coach.agent import CoachAgent

        build_validators()
        self._loaded = CoachAgent(self._settings, self._accounts, self._today)

    @property
    def _agent(self) -> CoachAgent:
        if self._loaded is None:
            raise RuntimeError("call prepare() first")
        return self._loaded

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self._agent.respond(thread, message, turn)

    def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self._agent.action(thread, action, sender, turn)

    def decide(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        return self._agent.decide(thread, action, sender, turn)

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse:
        return await self._agent.sync_action(thread, action, sender, turn)

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        return await self._agent.transcribe(audio, turn)

    async def title(self, message: UserMessageItem) -> str | None:
        return await self._agent.title(message)

    async def entities(self, query: str, turn: Turn) -> list[Entity]:
        """Return the accounts and categories whose titles contain the text typed after the @."""
        return entities(query, turn.context.locale)

    async def overview(self, turn: Turn) -> dict[str, Any]:
        """Return the user's finances for the panel next to the chat. Raises CustomStreamError."""
        try:
            finances = await self._accounts.read(turn.context.user_id, self._today())
        except AccountsUnavailableError as error:
            raise CustomStreamError(UNREACHABLE, allow_retry=True) from error
        return overview(finances, self._today())

    async def change_overview(self, change: Mapping[str, Any], turn: Turn) -> Mapping[str, Any]:
        """Set or remove a budget, or remove a goal, and return the new overview.

        Raises InvalidRequestError or CustomStreamError.
        """
        try:
            await apply_change(self._accounts, turn.context.user_id, change)
        except AccountsUnavailableError as error:
            raise CustomStreamError(UNREACHABLE, allow_retry=True) from error
        return await self.overview(turn)

    async def close(self) -> None:
        """Close the connections to the model."""
        if self._loaded is not None:
            await self._loaded.close()
