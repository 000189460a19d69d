"""Context of a turn's tools: the thread, the user's store and the user's finances."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import SkipValidation

from assistant_kit.client_tools import ClientToolContext
from coach.accounts import Finances
from coach.accounts_table import AccountsTable
from languages import Speech


class CoachContext(ClientToolContext):
    """ChatKit's agent context with the accounts of the verified user."""

    today: date
    accounts: Annotated[AccountsTable, SkipValidation]

    @property
    def speech(self) -> Speech:
        """The language of the user."""
        return Speech(self.request_context.locale)

    async def finances(self) -> Finances:
        """Read the user's current finances. Raises AccountsUnavailableError."""
        return await self.accounts.read(self.request_context.user_id, self.today)
