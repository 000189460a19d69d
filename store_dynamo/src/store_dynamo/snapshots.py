"""Snapshots of threads, and the three-way merge with which two writers of one thread both keep their changes.

ChatKit saves whole threads: a turn holds one for minutes, and a rename may come meanwhile from another process.
`Store.save_thread` gets a bare model, so the store keeps in this process

- for each model object that it loaded or saved, its fields at that time (dropped together with the object);
- for each request context, as long as it lives, the fields that the request last loaded or saved of a thread. They
  serve objects that the store has not seen: a copy, or the `Thread` that ChatKit makes before it saves a
  `ThreadMetadata` of it (server.py, ThreadsCreateReq). That `Thread` stands for the first save of its context.

A thread without a snapshot is saved as it is, like any upsert. With one, a save writes only the caller's changes since
the snapshot (`base`) on top of the stored fields:

    base     mine     stored     result
    a        a        x          x            the caller did not change it
    a        b        a          b            only the caller changed it
    a        b        x          b            both did: the later write wins …
    title    title    title      … but see below

Titles differ, because turns set titles by themselves. A title that `set_automatic_title` stored yields to any other;
else the first title stored since `base` stays: a turn that began earlier does not replace a user's title. `metadata` is
merged key by key.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from chatkit.types import Thread, ThreadMetadata

from store_dynamo.serialization import Fields

MAX_CONTEXTS = 1_024  # requests whose snapshots are kept although their end cannot be observed
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class ThreadSnapshot:
    """A thread's `fields` as the caller holds them and its `stored` fields at `revision`; `place` is its key."""

    place: tuple[str, str]
    fields: Fields
    stored: Fields
    revision: int
    title_is_automatic: bool = False


class SnapshotCache:
    """The snapshots of one store."""

    def __init__(self) -> None:
        self._objects: dict[int, ThreadSnapshot] = {}
        # A context without weak references is kept in its entry, so that no other context gets its id().
        self._contexts: OrderedDict[tuple[int, tuple[str, str]], tuple[Any, ThreadSnapshot, ThreadSnapshot]] = (
            OrderedDict()
        )

    def find(self, thread: ThreadMetadata, context: Any, place: tuple[str, str]) -> ThreadSnapshot | None:
        """Return the snapshot on which the caller's changes to `thread` are based."""
        snapshot = self._objects.get(id(thread))
        if snapshot and snapshot.place == place:
            return snapshot
        if entry := self._contexts.get((id(context), place)):
            _, first, last = entry
            return first if isinstance(thread, Thread) else last
        return None

    def put_listed(self, thread: ThreadMetadata, snapshot: ThreadSnapshot) -> None:
        """Keep a snapshot for this object alone, so that a list of threads does not evict those of running turns."""
        if id(thread) not in self._objects:
            weakref.finalize(thread, self._objects.pop, id(thread), None).atexit = False
        self._objects[id(thread)] = snapshot

    def put(self, thread: ThreadMetadata, context: Any, snapshot: ThreadSnapshot) -> None:
        """Keep a snapshot for this object and for its request's context."""
        self.put_listed(thread, snapshot)
        key = (id(context), snapshot.place)
        kept, first, _ = self._contexts.pop(key, None) or (self._kept(context, key), snapshot, None)
        self._contexts[key] = (kept, first, snapshot)
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)

    def _kept(self, context: Any, key: tuple[int, tuple[str, str]]) -> Any:
        """Drop the entry together with its context and return None, or return a context that cannot be observed."""
        try:
            weakref.finalize(context, self._contexts.pop, key, None).atexit = False
        except TypeError:
            return context
        return None


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
