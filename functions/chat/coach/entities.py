"""Entities that users can @-mention: accounts and spending categories.

entities("cas", "en")            # [{"id": "account:cash", "title": "Cash", …}]
resolve("account:cash")         # {"kind": "account", "name": "cash"}
"""

from __future__ import annotations

from chat_api.assistant import Entity
from coach.accounts import ACCOUNTS, CATEGORIES
from languages import Speech, say, translate

KINDS = {"account": (say("Accounts"), "suitcase", ACCOUNTS), "category": (say("Spending"), "chart", CATEGORIES)}
ENTITIES: dict[str, Entity] = {
    f"{kind}:{name}": Entity(
        id=f"{kind}:{name}",
        title=name.capitalize(),
        icon=icon,
        group=group,
        interactive=True,
        data={"kind": kind, "name": name},
    )
    for kind, (group, icon, names) in KINDS.items()
    for name in names
}


def entities(query: str, locale: str) -> list[Entity]:
    """Return the entities whose titles contain the query, in the user's language; all of them for an empty query."""
    speech = Speech(locale)
    shown = list[Entity]()
    for entity in ENTITIES.values():
        entity = entity.copy()
        entity["title"], entity["group"] = speech.term(entity["title"]), translate(entity.get("group"), locale)
        shown.append(entity)
    return [entity for entity in shown if query.strip().lower() in entity["title"].lower()]


def resolve(entity_id: str) -> dict[str, str] | None:
    """Return the model's data for a mention. Only its id counts; the client controls everything else in it."""
    entity = ENTITIES.get(entity_id)
    return entity.get("data") if entity else None
