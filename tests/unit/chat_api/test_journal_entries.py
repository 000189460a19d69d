"""R1, R2: a journal's entries add up to what the turn's own reader saw, wherever its segments were cut."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import pytest
from chatkit import types
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    ClientEffectEvent,
    ClientToolCallItem,
    CustomTask,
    ErrorEvent,
    GeneratedImage,
    GeneratedImageItem,
    NoticeEvent,
    Page,
    ProgressUpdateEvent,
    StreamOptions,
    StreamOptionsEvent,
    Thread,
    ThreadCreatedEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadUpdatedEvent,
    URLSource,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import Card, DynamicWidgetComponent, DynamicWidgetRoot, Markdown, Text
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from chat_api.attach.entries import (
    MAX_BYTES,
    Collector,
    Entry,
    count,
    dump,
    entry_of,
    events_of,
    joined,
    load,
)
from chat_api.attach.fold import fold, item_of

NOW = datetime(2026, 11, 28, 12)
SIGNED = "https://files.example/pending/ana/img_1?X-Amz-Signature=0123"
ITEMS = ("m", "w", "d", "wf", "g")


def sse(model: BaseModel) -> bytes:
    """Return an event as ChatKit's server writes it."""
    fields = model.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
    return b"data: " + fields.encode() + b"\n\n"


def parsed(event: bytes) -> dict[str, Any]:
    return json.loads(event.removeprefix(b"data: "))


def facts(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "thread_id": "thr", "created_at": NOW}


def chart(value: int) -> DynamicWidgetRoot:
    """Return a template's widget, with properties and components that no Card has."""
    bars = {"type": "Bars", "id": "c", "value": "", "height": value}
    return DynamicWidgetRoot.model_validate({"type": "Card", "own": {"x": value}, "children": [bars]})


def card(text: str) -> Card:
    return Card(children=[Text(id="a", value=text, streaming=True), Markdown(id="b", value="")])


def new_item(item_id: str) -> types.ThreadItem:
    match item_id:
        case "m":
            return AssistantMessageItem(**facts("m"), content=[])
        case "w":
            return WidgetItem(**facts("w"), widget=card(""))
        case "d":
            return WidgetItem(**facts("d"), widget=chart(0))
        case "wf":
            return WorkflowItem(**facts("wf"), workflow=Workflow(type="custom", tasks=[]))
        case _:
            return GeneratedImageItem(**facts("g"))


words = st.sampled_from(["a", "wörd ", "😀", " ", '"\\\n', "\x85"])
sources = st.builds(URLSource, title=words, url=st.just("https://x.example"))
contents = st.builds(AssistantMessageContent, text=words)


@st.composite
def updates(draw: st.DrawFn, item: str, tasks: int) -> Any:
    """Draw one of the updates of an item; `tasks` is the number of its tasks."""
    match item:
        case "m":
            index = draw(st.integers(0, 2))
            delta = types.AssistantMessageContentPartTextDelta(content_index=index, delta=draw(words))
            return draw(
                st.sampled_from(
                    [
                        delta,
                        delta,
                        delta,
                        types.AssistantMessageContentPartAdded(content_index=index, content=draw(contents)),
                        types.AssistantMessageContentPartDone(content_index=index, content=draw(contents)),
                        types.AssistantMessageContentPartAnnotationAdded(
                            content_index=index, annotation_index=0, annotation=Annotation(source=draw(sources))
                        ),
                    ]
                )
            )
        case "w":
            name, text = draw(st.sampled_from(["a", "b", "none"])), draw(words)
            delta = types.WidgetStreamingTextValueDelta(component_id=name, delta=text, done=draw(st.booleans()))
            component = types.WidgetComponentUpdated(component_id="b", component=Markdown(id="b", value=draw(words)))
            return draw(st.sampled_from([delta, delta, component, types.WidgetRootUpdated(widget=card(draw(words)))]))
        case "d":
            bars = DynamicWidgetComponent.model_validate({"type": "Bars", "id": "c", "value": draw(words), "tall": 1})
            delta = types.WidgetStreamingTextValueDelta(component_id="c", delta=draw(words), done=False)
            component = types.WidgetComponentUpdated(component_id="c", component=bars)
            return draw(st.sampled_from([delta, component, types.WidgetRootUpdated(widget=chart(draw(st.integers())))]))
        case "wf":
            task = CustomTask(title=draw(words), status_indicator=draw(st.sampled_from(["loading", "complete"])))
            if tasks and draw(st.booleans()):
                return types.WorkflowTaskUpdated(task_index=draw(st.integers(0, tasks - 1)), task=task)
            return types.WorkflowTaskAdded(task_index=tasks, task=task)
        case _:
            return types.GeneratedImageUpdated(image=GeneratedImage(id="i", url=SIGNED), progress=draw(st.floats(0, 1)))


CUTS = st.lists(st.integers(0, 40), max_size=5)
THREAD = Thread(id="thr", created_at=NOW, title="Title", items=Page())
OTHER: tuple[Callable[[], BaseModel], ...] = (
    lambda: ProgressUpdateEvent(text="thinking"),
    lambda: ClientEffectEvent(name="open", data={"page": 1}),
    lambda: NoticeEvent(level="info", message="note"),
    lambda: ErrorEvent(code="custom", message="wrong", allow_retry=True),
    lambda: ThreadUpdatedEvent(thread=THREAD),
)


@st.composite
def turns(draw: st.DrawFn) -> list[bytes]:
    """Draw the events of a turn."""
    events: list[BaseModel] = [
        ThreadCreatedEvent(thread=THREAD),
        StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True)),
    ]
    tasks: dict[str, int] = {}
    for _ in range(draw(st.integers(0, 40))):
        item = draw(st.sampled_from(ITEMS))
        what = draw(st.sampled_from(["update"] * 12 + ["done", "replaced", "removed", "other"]))
        if what == "other":
            events.append(draw(st.sampled_from(OTHER))())
        elif item not in tasks:
            events.append(ThreadItemAddedEvent(item=new_item(item)))
            tasks[item] = 0
        elif what == "update":
            update = draw(updates(item, tasks[item]))
            tasks[item] += update.type == "workflow.task.added"
            events.append(ThreadItemUpdatedEvent(item_id=item, update=update))
        else:
            del tasks[item]
            ended = {"done": ThreadItemDoneEvent, "replaced": ThreadItemReplacedEvent}.get(what)
            events.append(ended(item=new_item(item)) if ended else ThreadItemRemovedEvent(item_id=item))
    return [sse(each) for each in events]


def shown(events: list[bytes]) -> dict[str, dict[str, Any]]:
    """Return the unfinished items as a reader of the JSON sees them: an implementation of its own."""
    items: dict[str, dict[str, Any]] = {}
    for event in map(parsed, events):
        if event["type"] == "thread.item.added":
            items[event["item"]["id"]] = copy.deepcopy(event["item"])
        elif event["type"] == "thread.item.updated" and event["item_id"] in items:
            change(items[event["item_id"]], event["update"])
        elif event["type"].startswith("thread.item."):
            items.pop(event.get("item_id") or event["item"]["id"], None)
    return items


def change(item: dict[str, Any], update: dict[str, Any]) -> None:
    if "content_index" in update:
        while len(item["content"]) <= update["content_index"]:
            item["content"].append({"annotations": [], "text": "", "type": "output_text"})
    match update["type"]:
        case "assistant_message.content_part.added" | "assistant_message.content_part.done":
            item["content"][update["content_index"]] = update["content"]
        case "assistant_message.content_part.text_delta":
            item["content"][update["content_index"]]["text"] += update["delta"]
        case "assistant_message.content_part.annotation_added":
            part = item["content"][update["content_index"]]
            part["annotations"].insert(update["annotation_index"], update["annotation"])
        case "workflow.task.added":
            item["workflow"]["tasks"].append(update["task"])
        case "workflow.task.updated":
            item["workflow"]["tasks"][update["task_index"]] = update["task"]
        case "widget.root.updated":
            item["widget"] = update["widget"]
        case "widget.component.updated":
            item["widget"] = component(item["widget"], update["component_id"], lambda _: update["component"])
        case "widget.streaming_text.value_delta":
            text = update["delta"]
            item["widget"] = component(
                item["widget"], update["component_id"], lambda old: {**old, "value": old["value"] + text}
            )
        case _:
            assert update["type"] == "generated_image.updated"


def component(node: dict[str, Any], name: str, replace: Callable[[Any], Any]) -> dict[str, Any]:
    if node.get("id") == name:
        return replace(node)
    children = node.get("children")
    return {**node, "children": [component(each, name, replace) for each in children]} if children else node


def segments(events: list[bytes], cuts: list[int]) -> list[tuple[list[Entry], int]]:
    """Return what a collector gives if it is emptied after each number of events."""
    collector, taken = Collector(), list[tuple[list[Entry], int]]()
    for number, event in enumerate(events):
        if number in cuts:
            taken.append(collector.take())
        collector.note(event)
    return [*taken, collector.take()]


def entries_of(events: list[bytes], cuts: list[int] | None = None) -> list[Entry]:
    return [entry for entries, _ in segments(events, cuts or []) for entry in load(dump(entries))]


def test_the_drawn_turns_have_every_update_of_chatkit():
    drawn = {
        "assistant_message.content_part.added",
        "assistant_message.content_part.annotation_added",
        "assistant_message.content_part.done",
        "assistant_message.content_part.text_delta",
        "generated_image.updated",
        "widget.component.updated",
        "widget.root.updated",
        "widget.streaming_text.value_delta",
        "workflow.task.added",
        "workflow.task.updated",
    }

    assert {update.model_fields["type"].default for update in get_args(types.ThreadItemUpdate)} == drawn


@settings(max_examples=50)
@given(turns(), CUTS)
def test_any_split_into_segments_gives_the_same_items(events, cuts):
    folded = fold(entries_of(events, cuts))

    assert folded.open == list(shown(events).values())


@settings(max_examples=50)
@given(turns(), CUTS)
def test_any_split_into_segments_gives_the_same_numbers(events, cuts):
    taken = segments(events, cuts)

    starts = sorted({cut for cut in cuts if cut < len(events)} | {len(events)})
    assert [number for _, number in taken] == [b - a for a, b in zip([0, *starts], starts, strict=False)]
    assert all(count(entries) == number for entries, number in taken)


@settings(max_examples=50)
@given(turns(), CUTS)
def test_any_split_into_segments_gives_the_same_events(events, cuts):
    replayed = [event for entry in entries_of(events, cuts) for event in events_of(entry)]

    missing = [parsed(raw) for raw, event in zip(events, replayed, strict=True) if event is None]
    assert all(event in (None, parsed(raw)) for raw, event in zip(events, replayed, strict=True))
    assert {event.get("update", event)["type"] for event in missing} <= {
        "thread.item.done",
        "thread.item.replaced",
        "generated_image.updated",
        "progress_update",
        "widget.root.updated",
        "widget.component.updated",
        "widget.streaming_text.value_delta",
    }


@settings(max_examples=50)
@given(turns(), CUTS)
def test_a_reader_that_is_sent_the_events_of_the_journal_sees_the_same_items(events, cuts):
    sent = [event for entry in entries_of(events, cuts) for event in events_of(entry)]
    ended = [
        raw if parsed(raw)["type"] in ("thread.item.done", "thread.item.replaced") or event is not None else None
        for raw, event in zip(events, sent, strict=True)
    ]

    assert shown([raw for raw in ended if raw is not None]) == shown(events)


@settings(max_examples=50)
@given(turns())
def test_joining_never_changes_the_count(events):
    entries = [entry_of(event) for event in events]

    assert count(joined(entries)) == count(entries) == len(events)


@settings(max_examples=50)
@given(turns(), CUTS)
def test_s6_no_entry_has_a_signed_url(events, cuts):
    assert all("X-Amz-Signature" not in dump(entries) for entries, _ in segments(events, cuts))


@settings(max_examples=50)
@given(turns())
def test_every_unfinished_item_can_be_stored_as_it_was_shown(events):
    for fields in fold(entries_of(events)).open:
        item = item_of(fields)

        assert item.model_dump(mode="json", by_alias=True, exclude_none=True) == fields


def test_deltas_stay_apart_within_an_entry():
    update = types.AssistantMessageContentPartTextDelta
    events = [
        sse(ThreadItemUpdatedEvent(item_id="m", update=update(content_index=0, delta=each))) for each in ["Hel", "lo"]
    ]

    assert entries_of(events) == [["t", "m", 0, ["Hel", "lo"]]]


def test_a_stored_item_is_a_reference():
    item = AssistantMessageItem(**facts("m"), content=[AssistantMessageContent(text="the answer")])

    entries = entries_of([sse(ThreadItemDoneEvent(item=item)), sse(ThreadItemReplacedEvent(item=item))])

    assert entries == [["s", "thread.item.done", "m"], ["s", "thread.item.replaced", "m"]]


def test_of_a_widgets_roots_only_the_last_one_of_a_segment_is_kept():
    roots = [sse(ThreadItemUpdatedEvent(item_id="w", update=types.WidgetRootUpdated(widget=card(t)))) for t in "123"]
    other = sse(ThreadItemUpdatedEvent(item_id="w2", update=types.WidgetRootUpdated(widget=card("other"))))

    entries = entries_of([roots[0], other, *roots[1:]])

    assert entries == [["x", 1], ["e", parsed(other)], ["x", 1], ["e", parsed(roots[2])]]


def test_of_the_progress_only_the_last_one_of_a_segment_is_kept():
    events = [sse(ProgressUpdateEvent(text=each)) for each in ("one", "two")]

    assert entries_of(events) == [["x", 1], ["e", parsed(events[1])]]
    assert fold(entries_of(events, [1])).progress == parsed(events[1])


def test_progress_ends_with_the_next_change_of_an_item():
    events = [sse(ProgressUpdateEvent(text="searching")), sse(ThreadItemAddedEvent(item=new_item("m")))]

    assert fold(entries_of(events)).progress is None


def test_an_effect_is_in_the_journal_and_in_no_snapshot():
    effect = sse(ClientEffectEvent(name="show_page", data={}))

    entries = entries_of([effect])

    assert entries == [["e", parsed(effect)]]
    assert "show_page" not in repr(fold(entries))


def test_a_template_widget_keeps_its_own_properties():
    folded = fold(entries_of([sse(ThreadItemAddedEvent(item=new_item("d")))]))

    item = item_of(folded.open[0])
    assert isinstance(item, WidgetItem)
    assert isinstance(item.widget, DynamicWidgetRoot)
    assert item.widget.model_dump(exclude_none=True) == chart(0).model_dump(exclude_none=True)


def test_a_strict_widget_stays_a_card():
    item = item_of(fold(entries_of([sse(ThreadItemAddedEvent(item=new_item("w")))])).open[0])

    assert isinstance(item, WidgetItem)
    assert isinstance(item.widget, Card)


def long(item: str, size: int) -> bytes:
    delta = types.AssistantMessageContentPartTextDelta(content_index=0, delta="x" * size)
    return sse(ThreadItemUpdatedEvent(item_id=item, update=delta))


def test_an_update_beyond_the_bound_of_a_segment_is_a_gap_and_so_is_all_that_follows_in_its_item():
    added = sse(ThreadItemAddedEvent(item=new_item("m")))
    events = [added, long("m", 100), long("m", MAX_BYTES), long("m", 1)]

    entries = entries_of([*events, long("m", 1), long("other", 1)], cuts=[4])

    assert entries[1:] == [["t", "m", 0, ["x" * 100]], ["g", 2], ["g", 1], ["t", "other", 0, ["x"]]]
    assert fold(entries).open[0]["content"][0]["text"] == "x" * 100


def test_a_gap_ends_when_its_item_is_stored():
    item = new_item("m")
    events = [long("m", MAX_BYTES), sse(ThreadItemDoneEvent(item=item)), sse(ThreadItemAddedEvent(item=item))]

    entries = entries_of([*events, long("m", 1)])

    assert [entry[0] for entry in entries] == ["g", "s", "e", "t"]


def test_no_segment_is_larger_than_the_bound():
    events = [long("m", 900) for _ in range(200)]

    entries, number = segments(events, [])[0]

    assert number == 200
    assert MAX_BYTES - 2_000 < len(dump(entries)) <= MAX_BYTES


def test_a_widget_that_is_redrawn_often_fills_no_segment():
    big = Card(children=[Text(value="x" * 80) for _ in range(60)])
    root = sse(ThreadItemUpdatedEvent(item_id="w", update=types.WidgetRootUpdated(widget=big)))

    entries = entries_of([root] * 100)

    assert entries == [["x", 99], ["e", parsed(root)]]


@pytest.mark.parametrize(
    "event",
    [
        StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=False)),
        ThreadItemRemovedEvent(item_id="other"),
        ThreadItemDoneEvent(item=AssistantMessageItem(**facts("other"), content=[])),
        ErrorEvent(code="custom", message="wrong"),
    ],
)
def test_events_without_a_substitute_are_kept_in_a_full_segment(event):
    entries = entries_of([long("m", MAX_BYTES - 100), sse(event)])

    assert entries[-1][0] != "g"


@pytest.mark.parametrize("url", [SIGNED, "data:image/png;base64,AAAA"])
@pytest.mark.parametrize(
    "event_of",
    [
        lambda url: ThreadItemAddedEvent(item=WidgetItem(**facts("w"), widget=card(url))),
        lambda url: ThreadItemUpdatedEvent(item_id="w", update=types.WidgetRootUpdated(widget=card(url))),
        lambda url: ThreadItemAddedEvent(item=GeneratedImageItem(**facts("g"), image=GeneratedImage(id="i", url=url))),
        lambda url: ThreadItemDoneEvent(item=GeneratedImageItem(**facts("g"), image=GeneratedImage(id="i", url=url))),
        lambda url: ClientEffectEvent(name="show", data={"url": url}),
        lambda url: ErrorEvent(code="custom", message=url, allow_retry=True),
    ],
)
def test_h9_no_signed_url_and_no_image_is_in_any_entry(event_of, url):
    entries = entries_of([sse(event_of(url))])

    assert count(entries) == 1
    assert url not in dump(entries)


def test_a_message_may_explain_signed_urls():
    events = [long("m", 1), sse(ThreadItemAddedEvent(item=new_item("m")))]
    delta = types.AssistantMessageContentPartTextDelta(content_index=0, delta="the X-Amz-Signature= of a URL")

    entries = entries_of([*events, sse(ThreadItemUpdatedEvent(item_id="m", update=delta))])

    assert fold(entries).open[0]["content"][0]["text"] == delta.delta


def test_a_client_tool_call_is_a_reference():
    call = ClientToolCallItem(**facts("c"), call_id="call_1", name="open_page", arguments={"page": 1})

    assert entries_of([sse(ThreadItemDoneEvent(item=call))]) == [["s", "thread.item.done", "c"]]


def test_a_lone_surrogate_of_an_errors_cause_fits_into_a_segment():
    event = b'data: {"type":"error","code":"custom","message":"\\ud800"}\n\n'

    body = dump([entry_of(event)])

    assert load(body.encode().decode()) == [["e", parsed(event)]]


def test_comments_are_no_events():
    collector = Collector()

    collector.note(b": keep-alive\n\n")

    assert collector.take() == ([], 0)


def test_an_update_of_a_newer_chatkit_is_counted_and_left_out(caplog):
    added = sse(ThreadItemAddedEvent(item=new_item("m")))
    new = b'data: {"type":"thread.item.updated","item_id":"m","update":{"type":"message.sung","tune":"private"}}\n\n'

    entries = entries_of([added, new, long("m", 1)])

    assert count(entries) == 3
    assert fold(entries).open[0]["content"][0]["text"] == "x"
    assert "private" not in caplog.text


def test_a_text_for_a_component_without_a_value_keeps_the_widget():
    delta = types.WidgetStreamingTextValueDelta(component_id="v", delta="text", done=False)
    item = WidgetItem(**facts("w"), widget=Card.model_validate({"children": [{"type": "Divider", "id": "v"}]}))
    events = [sse(ThreadItemAddedEvent(item=item)), sse(ThreadItemUpdatedEvent(item_id="w", update=delta))]

    assert fold(entries_of(events)).open[0]["widget"]["children"][0]["id"] == "v"


def test_two_threads_may_note_and_take_at_once():
    collector, taken = Collector(), list[int]()

    def note() -> None:
        for _ in range(2_000):
            collector.note(long("m", 1))

    noting = [threading.Thread(target=note) for _ in range(2)]
    for each in noting:
        each.start()
    while any(each.is_alive() for each in noting):
        taken.append(collector.take()[1])
    taken.append(collector.take()[1])

    assert sum(taken) == 4_000
