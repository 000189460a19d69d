"""Entities that users can @-mention: accounts and spending categories.

entities("cas")                 # [{"id": "account:cash", "title": "Cash", …}]
resolve("account:cash")         # {"kind": "account", "name": "cash"}
"""

from __future__ import annotations

from chat_api.assistant import Entity
from coach.accounts import ACCOUNTS, CATEGORIES

KINDS = {"account": ("Accounts", "suitcase", ACCOUNTS), "category": ("Spending", "chart", CATEGORIES)}
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


def entities(query: str) -> list[Entity]:
    """Return the entities whose titles contain the query; all of them for an empty query."""
    return [entity for entity in ENTITIES.values() if query.strip().lower() in entity["title"].lower()]


def resolve(entity_id: str) -> dict[str, str] | None:
    """Return the model's data for a mention. Only its id counts; the client controls everything else in it."""
    entity = ENTITIES.get(entity_id)
    return entity.get("data") if entity else None
