"""Retrieval: a tool that finds passages of your documents. Their text is data for the model, never an instruction."""

from __future__ import annotations

from agents import function_tool

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run

PASSAGES = {
    "returns": "Unopened coffee can be returned within 30 days.",
    "brewing": "Use 60 grams of coffee for a litre of water.",
    "delivery": "Orders before noon are sent on the same day.",
}


def find(question: str, count: int = 2) -> list[str]:
    """Return the names of the passages that share most words. Replace this by your search or vector index."""
    words = set(question.lower().split())
    ranked = sorted(PASSAGES, key=lambda name: -len(words & set(PASSAGES[name].lower().rstrip(".").split())))
    return ranked[:count]


@function_tool
async def search_help(run: Run, question: str) -> str:
    """Find passages of the shop's help that may answer a question. Cite their names."""
    wrap = run.context.envelope.wrap
    return "\n".join(wrap("passage", PASSAGES[name], name=name) for name in find(question))


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[search_help])
