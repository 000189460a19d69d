"""Mentions: the user writes @, chooses an entity, and the server explains it to the model by its id."""

from __future__ import annotations

from chatkit.types import UserMessageTagContent

from assistant_kit.item_converter import ItemConverter
from chat_api.assistant import Assistant, AssistantSettings, Entity, Turn
from examples.recipes.agent import AgentAssistant

COFFEES = {"coffee:1": ("Trieste", "dark, 12 a kilo"), "coffee:2": ("Vienna", "mild, 15 a kilo")}


class WithCoffees(ItemConverter):
    def mention(self, tag: UserMessageTagContent) -> str:
        """Explain a mention by its id; the client controls everything else in it."""
        name, facts = COFFEES.get(tag.id, ("", ""))
        return f"is the coffee {name}: {facts}" if name else "is not a coffee of this shop"


class Shop(AgentAssistant):
    converter = WithCoffees

    async def entities(self, query: str, turn: Turn) -> list[Entity]:
        """Return the coffees whose names contain the text typed after the @."""
        found = ((key, name) for key, (name, _) in COFFEES.items() if query.lower() in name.lower())
        return [Entity(id=key, title=name, group="Coffees", interactive=True) for key, name in found]


def build(settings: AssistantSettings) -> Assistant:
    return Shop(settings)
