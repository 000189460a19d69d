"""A guardrail on the answer: a blocked answer is removed from the page, never stored, and replaced by a sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from agents import GuardrailFunctionOutput, OutputGuardrailTripwireTriggered, output_guardrail
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api.assistant import Assistant, AssistantSettings, Turn
from examples.recipes.agent import AgentAssistant, said

CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){13,16}\b")


@output_guardrail
async def no_card_numbers(run: Any, agent: Any, answer: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=bool(CARD_NUMBER.search(answer)))


class Guarded(AgentAssistant):
    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        try:
            async with aclosing(self.answer(thread, turn, self.agent)) as events:
                async for event in events:
                    yield event
        except OutputGuardrailTripwireTriggered:  # ChatKit has removed the items that the run had shown
            yield said("I left this answer out, because it contains a card number.", thread, turn)


def build(settings: AssistantSettings) -> Assistant:
    return Guarded(settings, output_guardrails=[no_card_numbers])
