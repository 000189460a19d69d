"""The assistant behind the endpoint: one object with `respond`, named by the setting `ASSISTANT=module:factory`.

    class Echo:
        async def respond(self, thread, message, turn):
            yield ThreadItemDoneEvent(item=AssistantMessageItem(...))

    def build(settings: AssistantSettings) -> Assistant:
        return Echo()

`respond` is called once per turn and yields ChatKit's thread stream events; ChatKit stores what is done. It sees one
user only: `turn.store` is bound to the context that the verified token gave.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict, runtime_checkable

from chatkit.actions import Action
from chatkit.store import Store
from chatkit.types import (
    Attachment,
    AudioInput,
    GeneratedImage,
    SyncCustomActionResponse,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)

from chat_api.context import RequestContext

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from openai.types.responses import ResponseInputContentParam


@dataclass(frozen=True, slots=True)
class AssistantSettings:
    """What a factory gets: the model's name, where it is (None: OpenAI), and its key, fetched when first needed.

    `table` is a DynamoDB table for whatever the assistant itself keeps (partition key `user`, sort key `record`) and
    `dynamodb` the client for it; the client is not the assistant's to close.
    """

    openai_model: str
    openai_base_url: str | None
    api_key: Callable[[], Awaitable[str]]
    table: str | None = None
    dynamodb: DynamoDBClient | None = None


@dataclass(slots=True)
class Turn:
    """One turn of one user: its context, the user's store, and what must happen when it is stopped."""

    context: RequestContext
    store: Store[RequestContext]
    attachment_content: Callable[[Attachment], Awaitable[ResponseInputContentParam]]
    """A file as a part of the model's input."""
    image_content: Callable[[GeneratedImage], Awaitable[ResponseInputContentParam | None]]
    """An image that the model made earlier as a part of its input; None when it cannot be sent again."""
    save_image: Callable[[str, bool], Awaitable[str]]
    """Keep a base64 image that the model made (True: a partial one) and return the URL for its thread item."""
    input_tokens: int = 0
    output_tokens: int = 0
    _stops: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def usage(self, *, input_tokens: int, output_tokens: int) -> None:
        """Report what a model call has used, for metrics and the budget; calls add up."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Register what ends the model's work, for example `RunResultStreaming.cancel`; called at most once."""
        self._stops.append(stop)

    def stop(self) -> None:
        """End the model's work: everything registered is called once, in reverse order."""
        while self._stops:
            self._stops.pop()()


class Entity(TypedDict):
    """Something to mention, in the shape of ChatKit.js's `Entity`."""

    id: str
    title: str
    icon: NotRequired[str]
    group: NotRequired[str]
    interactive: NotRequired[bool]
    data: NotRequired[dict[str, str]]


class ModelOption(TypedDict):
    """A model to choose, in the shape of ChatKit.js's `ModelOption`."""

    id: str
    label: str
    description: NotRequired[str]


class ToolOption(TypedDict):
    """A tool to choose; `icon` is one of ChatKit's names, `placeholder` stands in the composer while it is chosen."""

    id: str
    label: str
    icon: NotRequired[str]
    placeholder: NotRequired[str]


class Assistant(Protocol):
    """Anything that answers: the only method that must exist."""

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events of one answer; `message` is None when a client tool or a form was answered."""
        ...


@runtime_checkable
class SupportsPrepare(Protocol):
    """An assistant that has something heavy to import or to build, which requests that ask no model do without."""

    def prepare(self) -> None:
        """Do it: called in a thread, before the first call of `respond`, `action`, `sync_action` or `transcribe`.

        What it raises fails the request that needed it, and the next one calls it again.
        """
        ...


@runtime_checkable
class SupportsActions(Protocol):
    """An assistant whose widgets have actions (`threads.custom_action`)."""

    def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events that follow from an action."""
        ...


@runtime_checkable
class SupportsSyncActions(Protocol):
    """An assistant whose widgets have actions that are answered at once (`threads.sync_custom_action`)."""

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse: ...


@runtime_checkable
class SupportsTranscription(Protocol):
    """An assistant that takes dictation (`input.transcribe`)."""

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult: ...


@runtime_checkable
class SupportsTitles(Protocol):
    """An assistant that names conversations after their first message."""

    async def title(self, message: UserMessageItem) -> str | None:
        """Return a title, or None to leave the conversation without one."""
        ...


@runtime_checkable
class SupportsMentions(Protocol):
    """An assistant that knows things users can @-mention (`GET /chatkit/entities?q=`)."""

    async def entities(self, query: str, turn: Turn) -> list[Entity]: ...


@runtime_checkable
class SupportsModels(Protocol):
    """An assistant that lets users choose a model or a tool; any other choice is refused."""

    @property
    def models(self) -> Sequence[ModelOption]:
        """The default first."""
        ...

    @property
    def tools(self) -> Sequence[ToolOption]: ...


@runtime_checkable
class SupportsOverview(Protocol):
    """An assistant with something to show of the user beside the chat (`GET /chatkit/overview`)."""

    async def overview(self, turn: Turn) -> Mapping[str, Any]:
        """Return it as JSON takes it; what it looks like is between the assistant and its frontend.

        Raises CustomStreamError with what the user is told.
        """
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """An assistant that holds connections: `close` is awaited when the process ends."""

    async def close(self) -> None: ...


AssistantFactory = Callable[[AssistantSettings], Assistant]


def load_factory(name: str) -> AssistantFactory:
    """Return the factory that `module:factory` names.

    Raises ValueError naming the setting when the text is malformed, the module or the attribute is missing.
    """
    module_name, separator, attribute = name.partition(":")
    if not separator or not module_name or not attribute:
        raise ValueError(f"ASSISTANT must be module:factory, for example coach.assistant:build, not {name!r}")
    try:
        factory: AssistantFactory | None = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"ASSISTANT={name}: {error}") from error
    if not callable(factory):
        raise ValueError(f"ASSISTANT={name} is not callable")
    return factory
