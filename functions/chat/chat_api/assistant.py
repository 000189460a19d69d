"""The assistant behind the endpoint: one object with `respond`, named by the setting `ASSISTANT=module:factory`.

    class Echo:
        async def respond(self, thread, message, turn):
            yield ThreadItemDoneEvent(item=AssistantMessageItem(...))

    def build(settings: AssistantSettings) -> Assistant:
        return Echo()

`respond` is called once per turn and yields ChatKit's thread stream events; ChatKit stores completed items. An
assistant sees one user only: `turn.store` is bound to the verified user's context.

Optional capabilities are methods of the same object, described by the `Supports…` protocols below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

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

from attachments_s3 import Envelope
from chat_api.context import RequestContext
from chat_api.user_store import UserApprovals
from store_dynamo.allowances import MAX_ALLOWANCES as MAX_ALLOWANCES
from store_dynamo.approval_records import Allowance as Allowance
from store_dynamo.approvals import Approval as Approval
from store_dynamo.approvals import Asked as Asked
from store_dynamo.approvals import Grant as Grant
from store_dynamo.approvals import NotDecidedError as NotDecidedError
from store_dynamo.approvals import Outcome as Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from openai.types.responses import ResponseInputContentParam


class Environment(dict[str, str]):
    """Environment variables, whose KeyError names the remedy."""

    def __missing__(self, name: str) -> str:
        raise KeyError(f"{name} is not set: add it to [environment] in app/app.toml")


async def no_secret(name: str) -> str:
    """Raise the KeyError of a secret that was not declared."""
    raise KeyError(f"{name} is not a secret of this function: add it to [secrets] in app/app.toml")


@dataclass(frozen=True, slots=True)
class AssistantSettings:
    """Arguments of a factory: the model's name, its base URL (None: OpenAI), and its key, fetched on first use.

    `table` is a DynamoDB table for the assistant's own data (partition key `user`, sort key `record`) and `dynamodb`
    its client, which the assistant must not close. `env` has the variables of `[environment]` in app/app.toml, and
    `await secret("NAME")` returns a secret of its `[secrets]`; both raise a KeyError that names the remedy.
    `models` is the operator's menu, `reasoning_effort` is None for a model's own default.
    """

    openai_model: str
    openai_base_url: str | None
    api_key: Callable[[], Awaitable[str]]
    table: str | None = None
    dynamodb: DynamoDBClient | None = None
    env: Mapping[str, str] = field(default_factory=Environment)
    secret: Callable[[str], Awaitable[str]] = no_secret
    models: tuple[ModelOption, ...] = ()
    transcription_model: str = "gpt-transcribe"
    reasoning_effort: str | None = None


async def no_lease() -> None:
    """Return at once, because no other process can take this request over."""


async def _nothing_found(_: str) -> Mapping[str, Any]:
    return {"data": [], "complete": True, "after": None, "threads": 0}


@dataclass(slots=True)
class Turn:
    """One turn of one user: its context, the user's store, access to files, token usage, and stop actions."""

    context: RequestContext
    store: Store[RequestContext]
    attachment_content: Callable[[Attachment], Awaitable[ResponseInputContentParam]]
    """Returns a file as part of the model's input."""
    image_content: Callable[[GeneratedImage], Awaitable[ResponseInputContentParam | None]]
    """Returns an image that the model generated earlier as part of its input; None if it cannot be sent again."""
    save_image: Callable[[str, bool], Awaitable[str]]
    """Stores a base64 image from the model (True: a partial one) and returns the URL for its thread item."""
    search: Callable[[str], Awaitable[Mapping[str, Any]]] = _nothing_found
    """Finds the user's own conversations by words, as `GET /chatkit/search` does. Raises InvalidRequestError."""
    confirm: Callable[[], Awaitable[None]] = no_lease
    """Await it before an effect outside the store. Raises CancelledError if the process was paused and its turn is run
    by another one; costs nothing as long as the turn's lock was renewed in the last three seconds."""
    envelope: Envelope = field(default_factory=Envelope)
    """Marks untrusted text as data for the model; `envelope.rule` belongs into the model's instructions."""
    approvals: UserApprovals | None = None
    """The approvals of the user in this thread; None outside a turn of a thread (`assistant_kit.approvals`)."""
    input_tokens: int = 0
    output_tokens: int = 0
    missing_model: str | None = None
    _stops: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def usage(self, *, input_tokens: int, output_tokens: int) -> None:
        """Report the tokens of a model call, for metrics and the budget; calls add up."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def report_missing_model(self, name: str) -> bool:
        """Report a model that was shut down, which sets off an alarm. Return whether it is the turn's first report."""
        first, self.missing_model = self.missing_model is None, name
        return first

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Register a function that ends the model's work, such as `RunResultStreaming.cancel`; called at most once."""
        self._stops.append(stop)

    def stop(self) -> None:
        """End the model's work: call each registered function once, in reverse order."""
        while self._stops:
            self._stops.pop()()


class Entity(TypedDict):
    """An entity that users can mention, in the shape of ChatKit.js's `Entity`."""

    id: str
    title: str
    icon: NotRequired[str]
    group: NotRequired[str]
    interactive: NotRequired[bool]
    data: NotRequired[dict[str, str]]


class ModelOption(TypedDict):
    """A selectable model, in the shape of ChatKit.js's `ModelOption`."""

    id: str
    label: str
    description: NotRequired[str]


class ToolOption(TypedDict):
    """A selectable tool; `icon` is one of ChatKit's names, the composer shows `placeholder` while it is selected."""

    id: str
    label: str
    icon: NotRequired[str]
    placeholder: NotRequired[str]


class Assistant(Protocol):
    """An assistant; only `respond` is required."""

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events of one answer; `message` is None after a client tool call or a form."""
        ...


@runtime_checkable
class SupportsPrepare(Protocol):
    """An assistant with heavy imports or set-up that requests without a model call do not need."""

    def prepare(self) -> None:
        """Import and set up; called in a thread before the first `respond`, `action`, `sync_action` or `transcribe`.

        An exception fails the waiting request; the next request calls `prepare` again.
        """
        ...


@runtime_checkable
class SupportsActions(Protocol):
    """An assistant whose widgets have actions (`threads.custom_action`)."""

    def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events that an action causes."""
        ...


@runtime_checkable
class SupportsSyncActions(Protocol):
    """An assistant whose widgets have synchronous actions (`threads.sync_custom_action`)."""

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> SyncCustomActionResponse: ...


@runtime_checkable
class SupportsApprovals(Protocol):
    """An assistant with tools that ask their user first (`assistant_kit.approvals`)."""

    def decide(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events of an action `approval.*` of a card. No other method gets these actions."""
        ...


@runtime_checkable
class SupportsTranscription(Protocol):
    """An assistant that transcribes dictation (`input.transcribe`)."""

    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult: ...


@runtime_checkable
class SupportsTitles(Protocol):
    """An assistant that derives a conversation's title from its first message."""

    async def title(self, message: UserMessageItem) -> str | None:
        """Return a title, or None to leave the conversation without one."""
        ...


@runtime_checkable
class SupportsMentions(Protocol):
    """An assistant with entities that users can @-mention (`GET /chatkit/entities?q=`)."""

    async def entities(self, query: str, turn: Turn) -> list[Entity]: ...


@runtime_checkable
class SupportsModels(Protocol):
    """An assistant that lets users select a model or a tool; other selections are rejected."""

    @property
    def models(self) -> Sequence[ModelOption]:
        """The models, default first."""
        ...

    @property
    def tools(self) -> Sequence[ToolOption]: ...


@runtime_checkable
class SupportsAttachments(Protocol):
    """An assistant that states whether it reads files. One without the attribute gets them."""

    @property
    def attachments(self) -> bool:
        """False: the composer offers no files, and messages with files are refused."""
        ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A text to moderate: the client's, before it is stored, or the assistant's answer, before it is stored."""

    source: Literal["message", "form", "tool", "action", "answer", "feedback"]
    text: str


@runtime_checkable
class SupportsModeration(Protocol):
    """An assistant that checks the client's texts and its own answers (`docs/use/assistants.md`)."""

    async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
        """Return a sentence for the user that explains why the text is refused, or None.

        An exception refuses the text too: a request gets a 503, an answer is removed.
        """
        ...


@runtime_checkable
class SupportsOverview(Protocol):
    """An assistant with data about the user that the page shows next to the chat (`GET /chatkit/overview`)."""

    async def overview(self, turn: Turn) -> Mapping[str, Any]:
        """Return JSON-compatible data; its structure is up to the assistant and its frontend.

        Raises CustomStreamError with a message for the user.
        """
        ...


@runtime_checkable
class SupportsOverviewChanges(Protocol):
    """An assistant whose overview users change on the page, without a turn (`POST /chatkit/overview`)."""

    async def change_overview(self, change: Mapping[str, Any], turn: Turn) -> Mapping[str, Any]:
        """Carry out a change and return the new overview. `change` is the client's JSON object: check every field.

        Raises InvalidRequestError for an invalid change, or CustomStreamError with a message for the user.
        """
        ...


@runtime_checkable
class SupportsUserData(Protocol):
    """An assistant that keeps data about users elsewhere than in `AssistantSettings.table`.

    `make export` and `make erase` call these methods on the operator's machine, with the operator's AWS credentials.
    The table itself needs no method: both commands read and delete the user's partition of it.
    """

    def export_user(self, user_id: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield everything about the user as JSON-compatible data."""
        ...

    def erase_user(self, user_id: str) -> AsyncIterator[str]:
        """Delete everything about the user, and yield a line for each deletion. May be called again."""
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """An assistant with open connections; `close` is awaited at the end of the process."""

    async def close(self) -> None: ...


def accepts_attachments(assistant: Assistant) -> bool:
    """Return whether users may attach files."""
    return assistant.attachments if isinstance(assistant, SupportsAttachments) else True


def composer_options(assistant: Assistant) -> dict[str, Any]:
    """Return the options of the frontend's composer: models, tools, and whether it offers dictation and mentions."""
    has_models = isinstance(assistant, SupportsModels)
    return {
        "models": list(assistant.models) if has_models else [],
        "tools": list(assistant.tools) if has_models else [],
        "dictation": isinstance(assistant, SupportsTranscription),
        "mentions": isinstance(assistant, SupportsMentions),
    }
