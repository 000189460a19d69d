"""The sample assistant's factory, named by the setting `ASSISTANT=coach.agent:build`.

Importing this module is cheap. `build` imports the Agents SDK (seconds on a small machine): call it while the function
initialises, where Lambda gives the whole CPU, and not in a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chat_api.assistant import AssistantSettings
    from coach.spendo import Spendo


def build(settings: AssistantSettings) -> Spendo:
    """Return the coach; it opens its HTTP client with the first turn, `close()` closes it.

    Raises ValueError without a table: users' budgets must not live in one process's memory.
    """
    from coach.accounts_table import AccountsTable
    from coach.readiness import get_ready
    from coach.spendo import Spendo

    if settings.table is None or settings.dynamodb is None:
        raise ValueError("the coach keeps accounts in a table: set ASSISTANT_TABLE")
    get_ready()
    return Spendo(settings, AccountsTable(settings.table, settings.dynamodb))
