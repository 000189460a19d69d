"""Builders of ChatKit's models: the smallest ones, one item of every type, and text of any size.

thread(), note("msg_1"), file(), every_item(), noise(200_000)
"""

from __future__ import annotations

import base64
import random
from datetime import datetime
from typing import Any

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    AttachmentUploadDescriptor,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    DurationSummary,
    EndOfTurnItem,
    EntitySource,
    FileAttachment,
    FileSource,
    FileTask,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    ImageAttachment,
    ImageTask,
    InferenceOptions,
    SDKHiddenContextItem,
    SearchTask,
    StructuredInputAnswer,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    TaskItem,
    ThoughtTask,
    ThreadItem,
    ThreadMetadata,
    ToolChoice,
    URLSource,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import DynamicWidgetRoot, WidgetRoot
from pydantic import AnyUrl, TypeAdapter

NOON = datetime(2025, 6, 1, 12)
UNICODE = "Grüße 👩‍👩‍👧 \u202e \x00 \u2028 漢字"


def thread(thread_id: str = "thr_1", at: datetime = NOON, **fields: Any) -> ThreadMetadata:
    return ThreadMetadata(id=thread_id, created_at=at, **fields)


def note(item_id: str, content: Any = "", at: datetime = NOON, thread_id: str = "thr_1") -> HiddenContextItem:
    """Return the smallest item."""
    return HiddenContextItem(id=item_id, thread_id=thread_id, created_at=at, content=content)


def user_message(item_id: str, text: str = "Hello", at: datetime = NOON, **fields: Any) -> UserMessageItem:
    return UserMessageItem(
        id=item_id,
        thread_id="thr_1",
        created_at=at,
        content=[UserMessageTextContent(text=text)],
        inference_options=InferenceOptions(),
        **fields,
    )


def answer(item_id: str, text: str = "Hello", at: datetime = NOON) -> AssistantMessageItem:
    content = [AssistantMessageContent(text=text)]
    return AssistantMessageItem(id=item_id, thread_id="thr_1", created_at=at, content=content)


def workflow(item_id: str, *titles: str, at: datetime = NOON) -> WorkflowItem:
    steps = Workflow(type="custom", tasks=[CustomTask(title=each, status_indicator="loading") for each in titles])
    return WorkflowItem(id=item_id, thread_id="thr_1", created_at=at, workflow=steps)


def noise(size: int, seed: int = 1) -> str:
    """Return text that compresses to about three quarters of `size` characters."""
    return base64.b64encode(random.Random(seed).randbytes(size * 3 // 4 + 3)).decode()[:size]


def descriptor() -> AttachmentUploadDescriptor:
    return AttachmentUploadDescriptor(url=AnyUrl("https://bucket.example/put?X-Amz-Signature=secret"), method="PUT")


def file(attachment_id: str = "atc_1", **fields: Any) -> FileAttachment:
    return FileAttachment(id=attachment_id, name="budget.pdf", mime_type="application/pdf", **fields)


def image(attachment_id: str = "atc_2", **fields: Any) -> ImageAttachment:
    url = AnyUrl("https://bucket.example/preview")
    return ImageAttachment(id=attachment_id, name="a.png", mime_type="image/png", preview_url=url, **fields)


def every_item(thread_id: str = "thr_1", at: datetime = NOON) -> list[ThreadItem]:
    """Return one item of each type, with each kind of content that a type can have."""

    def item_fields(item_id: str) -> dict[str, Any]:
        return {"id": item_id, "thread_id": thread_id, "created_at": at}

    urls = [URLSource(title="A page", url="https://example.com", description=UNICODE, attribution="Example")]
    files = [FileSource(title="A file", filename="budget.pdf", group="files")]
    entity = EntitySource(title="An account", id="acc_1", label="Savings", data={"iban": None, "n": [1, 2.5]})
    options = [StructuredInputMultipleChoiceOption(value=each) for each in ("yes", "no")]
    inputs = [
        StructuredInputMultipleChoice(id="q1", question="Sure?", options=options, multiple=True),
        StructuredInputFreeform(
            id="q2", question="Why?", description="…", answer=StructuredInputAnswer(values=["because"], skipped=False)
        ),
    ]
    tasks = [
        CustomTask(title="Look", icon="search", content="**bold**", status_indicator="loading"),
        SearchTask(title="Search", title_query="q", queries=["a", "b"], sources=urls, status_indicator="complete"),
        ThoughtTask(title="Think", content="Hmm"),
        FileTask(title="Read", sources=files),
        ImageTask(title="Draw"),
    ]
    arguments = {"deep": {"list": [1, 2.5, None, True, UNICODE]}, "": ""}
    return [
        UserMessageItem(
            **item_fields("user"),
            content=[
                UserMessageTextContent(text=UNICODE),
                UserMessageTagContent(id="t", text="@savings", data=arguments, group="accounts", interactive=True),
            ],
            attachments=[file(thread_id=thread_id, metadata={"etag": '"x"'}), image(thread_id=thread_id)],
            quoted_text="quoted",
            inference_options=InferenceOptions(model="gpt", tool_choice=ToolChoice(id="search")),
        ),
        AssistantMessageItem(
            **item_fields("assistant"),
            content=[
                AssistantMessageContent(
                    text=UNICODE,
                    annotations=[Annotation(source=each, index=n) for n, each in enumerate((*urls, *files, entity))],
                ),
                AssistantMessageContent(text=""),
            ],
        ),
        ClientToolCallItem(**item_fields("call"), call_id="c1", name="go", arguments=arguments),
        ClientToolCallItem(
            **item_fields("called"),
            call_id="c2",
            name="go",
            arguments={},
            status="completed",
            output=[arguments, 1, None],
        ),
        *_widgets(item_fields),
        GeneratedImageItem(**item_fields("no-image")),
        GeneratedImageItem(
            **item_fields("image"), image=GeneratedImage(id="i", url="https://bucket.example/i?X-Amz-Signature=s")
        ),
        StructuredInputItem(**item_fields("form"), inputs=inputs),
        StructuredInputItem(**item_fields("form-answered"), inputs=inputs, status="answered"),
        WorkflowItem(
            **item_fields("workflow"),
            workflow=Workflow(
                type="custom", tasks=tasks, summary=CustomSummary(title="Done", icon="check"), expanded=True
            ),
        ),
        WorkflowItem(
            **item_fields("reasoning"),
            workflow=Workflow(type="reasoning", tasks=[], summary=DurationSummary(duration=3)),
        ),
        *[TaskItem(**item_fields(f"task-{n}"), task=task) for n, task in enumerate(tasks)],
        HiddenContextItem(**item_fields("hidden-text"), content=UNICODE),
        HiddenContextItem(**item_fields("hidden-json"), content=arguments),
        SDKHiddenContextItem(**item_fields("sdk"), content="The user cancelled the stream."),
        EndOfTurnItem(**item_fields("end")),
    ]


def template_widgets() -> list[ThreadItem]:
    """Return the items whose widget a WidgetTemplate made: ChatKit's union of widgets reads its JSON as a Card."""
    return [
        each for each in every_item() if isinstance(each, WidgetItem) and isinstance(each.widget, DynamicWidgetRoot)
    ]


def _widgets(item_fields: Any) -> list[ThreadItem]:
    root: TypeAdapter[WidgetRoot] = TypeAdapter(WidgetRoot)
    text = {"type": "Text", "value": UNICODE, "id": "text"}
    markdown = {"type": "Markdown", "value": "**b**", "id": "md"}
    rows = [{"type": "ListViewItem", "key": "1", "children": [{"type": "Text", "value": "one"}]}]
    dynamic_text = text | {"id": "t", "streaming": True, "newProperty": 1}
    dynamic = {"type": "Card", "children": [dynamic_text], "newProperty": {"a": [1]}}
    made: list[WidgetRoot] = [
        root.validate_python({"type": "Card", "key": "k", "children": [text, markdown]}),
        root.validate_python({"type": "ListView", "children": rows}),
        DynamicWidgetRoot.model_validate(dynamic),
        root.validate_python(dynamic),
    ]
    return [WidgetItem(**item_fields(f"widget-{n}"), widget=each, copy_text="copied") for n, each in enumerate(made)]
