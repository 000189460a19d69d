"""What users can @-mention: their accounts and the categories of spending.

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
    """Return what fits the letters typed so far, in any place of the title; all when none are typed."""
    return [entity for entity in ENTITIES.values() if query.strip().lower() in entity["title"].lower()]


def resolve(entity_id: str) -> dict[str, str] | None:
    """Return what the model is told of a mention, by its id alone: whatever else came with it is the client's word."""
    entity = ENTITIES.get(entity_id)
    return entity.get("data") if entity else None
