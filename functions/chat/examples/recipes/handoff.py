"""A handoff: the first agent passes the conversation to a specialist, whose answer the user reads."""

from __future__ import annotations

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant


class Shop(AgentAssistant):
    def __init__(self, settings: AssistantSettings) -> None:
        super().__init__(settings, instructions="Pass questions about invoices to billing, and answer the others.")
        self.agent.handoffs.append(
            self.new_agent(
                settings,
                name="billing",
                handoff_description="Answers questions about invoices.",
                instructions="You answer questions about invoices. Invoices are due after 14 days.",
            )
        )


def build(settings: AssistantSettings) -> Assistant:
    return Shop(settings)
