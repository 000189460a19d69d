"""What callers know of threads: the base of each merge, and the revision that makes a save one conditional write.

`Store.save_thread` gets a bare model, so the store remembers, in this process,

- for each model object it loaded or saved, what it held then (dropped with the object);
- for each request context, as long as it lives, what the request last loaded or saved of a thread, for objects never
  seen: a copy, or the `Thread` that ChatKit makes before it saves a `ThreadMetadata` of it (server.py,
  ThreadsCreateReq). That `Thread` knows what was first saved, whatever the same context has loaded since.

A thread that nothing is known of is saved as it is, like any upsert.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from chatkit.types import Thread, ThreadMetadata

from store_dynamo.records import Fields

MAX_CONTEXTS = 1_024  # requests whose threads are remembered, if it cannot be seen that they are over


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`fields` as the caller holds them, `stored` as the table did at `revision`; `place` tells users apart."""

    place: tuple[str, str]
    fields: Fields
    stored: Fields
    revision: int
    title_is_automatic: bool = False


class KnownThreads:
    """The memory of one store."""

    def __init__(self) -> None:
        self._objects: dict[int, Knowledge] = {}
        # A context that cannot be referenced weakly is kept here, so that its id() is not given to another one.
        self._contexts: OrderedDict[tuple[int, tuple[str, str]], tuple[Any, Knowledge, Knowledge]] = OrderedDict()

    def recall(self, thread: ThreadMetadata, context: Any, place: tuple[str, str]) -> Knowledge | None:
        """Return what the caller who holds `thread` knew."""
        knowledge = self._objects.get(id(thread))
        if knowledge and knowledge.place == place:
            return knowledge
        if entry := self._contexts.get((id(context), place)):
            _, first, last = entry
            return first if isinstance(thread, Thread) else last
        return None

    def remember_listed(self, thread: ThreadMetadata, knowledge: Knowledge) -> None:
        """Note it for this object alone: a list of threads must not push running turns out of the memory."""
        if id(thread) not in self._objects:
            weakref.finalize(thread, self._objects.pop, id(thread), None).atexit = False
        self._objects[id(thread)] = knowledge

    def remember(self, thread: ThreadMetadata, context: Any, knowledge: Knowledge) -> None:
        """Note what the caller who holds `thread` knows now."""
        self.remember_listed(thread, knowledge)
        key = (id(context), knowledge.place)
        kept, first, _ = self._contexts.pop(key, None) or (self._kept(context, key), knowledge, None)
        self._contexts[key] = (kept, first, knowledge)
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)

    def _kept(self, context: Any, key: tuple[int, tuple[str, str]]) -> Any:
        """Forget the entry with its context, and return None; or return the context, where that cannot be seen."""
        try:
            weakref.finalize(context, self._contexts.pop, key, None).atexit = False
        except TypeError:
            return context
        return None
