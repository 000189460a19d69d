"""What a turn's tools can reach: the thread, the user's store and the user's money."""

from __future__ import annotations

from datetime import date

from chatkit.agents import AgentContext

from chat_api.context import RequestContext
from coach.accounts import Ledger
from coach.demo_bank import read_ledger


class CoachContext(AgentContext[RequestContext]):
    """ChatKit's context for agents, and the ledger of the verified user."""

    today: date

    @property
    def ledger(self) -> Ledger:
        return read_ledger(self.request_context.user_id, self.today)
