"""Entries of a turn's journal: one for each event of its stream, in the order of the wire. Pure functions.

    collector = Collector()
    collector.note(b'data: {"type":"thread.item.added",…}\\n\\n')     # each event of the response
    entries, events = collector.take()                              # once an interval
    body = dump(entries)                                            # … the body of a segment

    events = [event for entry in load(body) for event in events_of(entry)]

An entry is a JSON list, whose first element is its kind:

    ["t", item, index, [delta, …]]        text deltas of one part of a message
    ["w", item, component, [delta, …]]    text deltas of a widget's component
    ["s", type, item]                     a stored item: `thread.item.done` or `.replaced`
    ["r", item]                           `thread.item.removed`
    ["e", event]                          any other event
    ["x", k]                              k events that a later event of the same segment supersedes
    ["g", k]                              k events that are not in the journal

Theory. Each event counts once, in its place: readers name events by their numbers. Deltas stay apart, so that a reader
can continue after any of them. An item on the wire is stored before it leaves, so its entry is a reference: the journal
holds no second copy, and no signed URL, which would outlive its reader. Images are left out for the same reason.

A segment is bounded by MAX_BYTES. An update that does not fit is a gap, and so are all further updates of its item,
because a reader must not see a text with a hole. The item is complete in the event that stores it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from typing import Any, cast

Entry = list[Any]
Event = dict[str, Any]

MAX_BYTES = 32 * 1024
"""The size of one segment's events that can be left out."""
DATA = b"data: "
TEXT = "assistant_message.content_part.text_delta"
WIDGET_TEXT = "widget.streaming_text.value_delta"
WIDGET_ROOT = "widget.root.updated"
IMAGE = "generated_image.updated"
PROGRESS = "progress_update"
STORED = ("thread.item.done", "thread.item.replaced")
ADDED, UPDATED, REMOVED = "thread.item.added", "thread.item.updated", "thread.item.removed"
DELTAS = {
    TEXT: ("t", "content_index", {"type", "content_index", "delta"}),
    WIDGET_TEXT: ("w", "component_id", {"type", "component_id", "delta", "done"}),
}
KEPT = ("stream_options", "thread.created", "thread.updated", "error")
"""Events that are small and have no later substitute."""
SECRET = re.compile(rb"X-Amz-Signature=|;base64,")
"""A signed URL, or the bytes of an image."""
_COMPACT = (",", ":")


def entry_of(event: bytes) -> Entry:
    """Return the entry of one server-sent event, `data: {…}` and an empty line."""
    return _entry(json.loads(event.removeprefix(DATA)), event)


def _entry(fields: Event, event: bytes) -> Entry:
    match fields:
        case {"type": "thread.item.updated", "item_id": item, "update": update}:
            return _update(fields, item, update, event)
        case {"type": str() as kind, "item": {"id": item}} if kind in STORED:
            return ["s", kind, item]
        case {"type": "thread.item.removed", "item_id": item}:
            return ["r", item]
        case {"type": "thread.item.added", "item": {"type": "assistant_message"}}:
            return ["e", fields]
        case {"type": "thread.item.added", "item": {"type": "generated_image"} as item}:
            return ["e", {**fields, "item": {name: value for name, value in item.items() if name != "image"}}]
        case {"type": "error"} if SECRET.search(event):
            return ["e", {name: value for name, value in fields.items() if name != "message"}]
        case _:
            return ["g", 1] if SECRET.search(event) and fields["type"] not in KEPT else ["e", fields]


def _update(fields: Event, item: str, update: Event, event: bytes) -> Entry:
    kind = update["type"]
    if kind == IMAGE:
        return ["e", {**fields, "update": {name: value for name, value in update.items() if name != "image"}}]
    letter, place, names = DELTAS.get(kind, ("", "", set[str]()))
    if update.keys() == names and not update.get("done"):
        return [letter, item, update[place], [update["delta"]]]
    secret = not kind.startswith("assistant_message.") and SECRET.search(event)
    return ["g", 1] if secret else ["e", fields]


def joined(entries: Iterable[Entry]) -> list[Entry]:
    """Return the same events with neighbours of one kind in one entry."""
    result: list[Entry] = []
    for entry in entries:
        last: Entry = result[-1] if result else [""]
        if entry[0] in "tw" and last[:3] == entry[:3]:
            last[3].extend(entry[3])
        elif entry[0] in "xg" and last[0] == entry[0]:
            last[1] += entry[1]
        else:
            result.append([*entry[:3], list(entry[3])] if entry[0] in "tw" else list(entry))
    return result


def count(entries: Iterable[Entry]) -> int:
    """Return the number of events."""
    return sum(_events(entry) for entry in entries)


def _events(entry: Entry) -> int:
    match entry:
        case ["t" | "w", _, _, deltas]:
            return len(deltas)
        case ["x" | "g", number]:
            return number
        case _:
            return 1


def dump(entries: list[Entry]) -> str:
    """Return the body of a segment."""
    body = json.dumps(entries, ensure_ascii=False, separators=_COMPACT)
    try:
        body.encode()
    except UnicodeEncodeError:  # a lone surrogate of an error's cause
        return json.dumps(entries, separators=_COMPACT)
    return body


def load(body: str) -> list[Entry]:
    """Return the entries of a segment's body."""
    return cast("list[Entry]", json.loads(body))


class Collector:
    """The events of a turn since the last segment. Thread-safe: the turn notes, its journal's thread takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._sizes: list[int] = []
        self._size = 0
        self._replaceable: dict[str, list[int]] = {}
        """Places of entries that a widget's next root, or the next progress, supersedes: by item, or by PROGRESS."""
        self._gaps: set[str] = set()
        """Items of which an update of this turn is missing."""

    def note(self, event: bytes) -> None:
        """Add one event of the response; anything else, such as a comment, is ignored."""
        if not event.startswith(DATA):
            return
        fields: Event = json.loads(event.removeprefix(DATA))
        entry = _entry(fields, event)
        item = fields.get("item_id") or fields.get("item", {}).get("id", "")
        with self._lock:
            self._add(entry, event, item, fields.get("update", fields)["type"])

    def skip(self) -> None:
        """Count one event that must not be in the journal."""
        with self._lock:
            self._append(["g", 1], 0)

    def take(self) -> tuple[list[Entry], int]:
        """Return the entries since the last call, joined, and the number of their events."""
        with self._lock:
            entries = self._entries
            self._entries, self._sizes, self._size, self._replaceable = [], [], 0, {}
        return joined(entries), count(entries)

    def _add(self, entry: Entry, event: bytes, item: str, kind: str) -> None:
        """Add an entry of an item ("": of none), and of a type of update, or else of event."""
        if kind in (ADDED, REMOVED, *STORED):
            self._gaps.discard(item)
            self._replaceable.pop(item, None)
        name = item or kind
        replaced = self._replaceable.get(name, []) if kind in (WIDGET_ROOT, PROGRESS) else []
        size = _size(entry, event, self._entries[-1] if self._entries else [])
        is_full = self._size + size - sum(self._sizes[place] for place in replaced) > MAX_BYTES
        if entry[0] == "g" or item in self._gaps or (is_full and _can_be_left_out(entry, kind)):
            self._gaps |= {item} - {""}
            self._append(["g", 1], 0)
            return
        for place in replaced:
            self._size -= self._sizes[place]
            self._entries[place], self._sizes[place] = ["x", 1], 0
        replaced.clear()
        if kind.startswith("widget.") or kind == PROGRESS:
            self._replaceable.setdefault(name, []).append(len(self._entries))
        self._append(entry, size)

    def _append(self, entry: Entry, size: int) -> None:
        self._entries.append(entry)
        self._sizes.append(size)
        self._size += size


def _size(entry: Entry, event: bytes, before: Entry) -> int:
    """Return the bytes that an entry adds to its segment."""
    if entry[0] not in "tw":
        return len(event)
    delta = len(json.dumps(entry[3][0], ensure_ascii=False).encode(errors="surrogatepass")) + 1
    return delta if before[:3] == entry[:3] else delta + len(entry[1]) + len(str(entry[2])) + 16


def _can_be_left_out(entry: Entry, kind: str) -> bool:
    return entry[0] in "tw" or (entry[0] == "e" and kind not in KEPT)


def events_of(entry: Entry) -> list[Event | None]:
    """Return the events of an entry, one by one; None for each that only the store has, or only a later event shows."""
    match entry:
        case ["t", item, index, deltas]:
            update = {"type": TEXT, "content_index": index}
            return [{"type": UPDATED, "item_id": item, "update": {**update, "delta": each}} for each in deltas]
        case ["w", item, component, deltas]:
            update = {"type": WIDGET_TEXT, "component_id": component, "done": False}
            return [{"type": UPDATED, "item_id": item, "update": {**update, "delta": each}} for each in deltas]
        case ["r", item]:
            return [{"type": REMOVED, "item_id": item}]
        case ["e", fields]:
            return [None if fields.get("update", fields)["type"] == IMAGE else fields]
        case _:
            return [None] * _events(entry)
