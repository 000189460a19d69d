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
    """Return the coach; it opens its HTTP client with the first turn, `close()` closes it."""
    from coach.spendo import Spendo

    return Spendo(settings)
