"""Three-way merge of a thread's fields: what the caller changed, on top of what is stored now (promise S12).

ChatKit saves whole threads: a turn holds one for minutes, and a rename may come meanwhile from another process. Each
side has changed something *since it last knew the thread*; `base` is what it knew.

    base     mine     stored     result
    a        a        x          x            I did not touch it
    a        b        a          b            only I did
    a        b        x          b            both: the later write wins …
    title    title    title      see below

A title is different, because turns set titles by themselves. One that `set_automatic_title` stored yields to any other;
else the title that was stored first since `base` stays: what a user typed is not replaced by what a turn, begun
before, thinks up. `metadata` is merged key by key.
"""

from __future__ import annotations

from typing import Any

from store_dynamo.records import Fields

_ABSENT: Any = object()


def merge(base: Fields, mine: Fields, stored: Fields, *, stored_title_is_automatic: bool) -> Fields:
    """Return the fields to store."""
    merged = _merge_keys(base, mine, stored)
    metadata = [fields.get("metadata") for fields in (base, mine, stored)]
    if all(isinstance(each, dict) for each in metadata):
        merged["metadata"] = _merge_keys(*metadata)  # pyright: ignore[reportArgumentType]
    both_changed = base.get("title") not in (mine.get("title"), stored.get("title"))
    if both_changed and not stored_title_is_automatic:
        merged["title"] = stored.get("title")
    return merged


def _merge_keys(base: Fields, mine: Fields, stored: Fields) -> Fields:
    merged: Fields = {}
    for key in stored | mine:
        mine_value = mine.get(key, _ABSENT)
        value = stored.get(key, _ABSENT) if mine_value == base.get(key, _ABSENT) else mine_value
        if value is not _ABSENT:
            merged[key] = value
    return merged
