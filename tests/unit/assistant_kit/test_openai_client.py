"""The client sends the same bytes as OpenAI's, without the walk. A version of `openai` that needs it fails here."""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Union

import httpx2
import openai
import pytest
import typing_extensions
from agents import (
    Agent,
    CodeInterpreterTool,
    FileSearchTool,
    HostedMCPTool,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    WebSearchTool,
)
from openai._utils import PropertyInfo
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from openai.types.responses import EasyInputMessage, ResponseInputItemParam, ToolParam

from assistant_kit.openai_client import KEEP_ALIVE_SECONDS, OpenAIClient
from coach.tools import ON_REQUEST, TOOLS

WIRE: dict[str, Any] = {
    "Responses input": ResponseInputItemParam,
    "Responses tools": ToolParam,
    "Chat Completions messages": ChatCompletionMessageParam,
    "Chat Completions tools": ChatCompletionToolUnionParam,
}
SHELLS = (
    typing.Annotated,
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing.Required,
    typing.NotRequired,
)
LISTS = list, Iterable, Sequence, Iterator


def parts(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, else the annotation alone, without Required and Annotated."""
    while typing.get_origin(annotation) in SHELLS:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return tuple(part for each in typing.get_args(annotation) for part in parts(each))
    return (annotation,)


def fields(model: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(model, include_extras=True)


def samples(annotation: Any, depth: int = 0) -> list[Any]:
    """Return a value for each alternative of a type; a TypedDict has all its fields."""
    return [value for each in parts(annotation) for value in samples_of(each, depth)]


def samples_of(kind: Any, depth: int) -> list[Any]:
    origin, given = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return list(given)
    if origin in LISTS:
        return [samples(given[0], depth + 1)]
    if origin is dict:
        return [{"key": each} for each in samples(given[1], depth + 1)]
    if typing_extensions.is_typeddict(kind):
        choices = {name: samples(field, depth + 1) for name, field in fields(kind).items()}
        number = max(map(len, choices.values()), default=1) if depth < 2 else 1
        return [{name: of[i % len(of)] for name, of in choices.items() if of} for i in range(number)]
    plain = {str: "höflich", int: 3, float: 0.5, bool: True, type(None): None, object: {"any": ["thing"]}}
    return [plain[kind]]


def walked(annotation: Any, seen: set[Any]) -> Iterator[PropertyInfo]:
    """Yield what the walk would look at below a type."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from (each for each in annotation.__metadata__ if isinstance(each, PropertyInfo))
    for each in typing.get_args(annotation):
        yield from walked(each, seen)
    if typing_extensions.is_typeddict(annotation) and annotation not in seen:
        seen.add(annotation)
        for field in fields(annotation).values():
            yield from walked(field, seen)


HELLO = {"role": "user", "content": "hello"}
NOT_ONLY_JSON: dict[str, Any] = {
    "nothing": dict,
    "text": lambda: {"input": "hello"},
    "an empty list": lambda: {"input": [], "tools": []},
    "omitted": lambda: {"input": openai.omit, "tools": openai.omit},
    "omitted below": lambda: {"input": [{**HELLO, "type": openai.omit}]},
    "an object": lambda: {"input": [EasyInputMessage(role="user", content="hello"), HELLO]},
    "a tuple": lambda: {"input": (HELLO, HELLO)},
    "a generator below": lambda: {
        "input": [{"role": "user", "content": ({"type": "input_text", "text": each} for each in "ab")}]
    },
    "extra_body": lambda: {"input": [HELLO], "extra_body": {"input": "wins", "more": 1}},
    "no extra_body": lambda: {"input": [HELLO], "extra_body": None},
}


class Wire:
    """An endpoint that refuses each request and keeps its body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def client(self, of: type[openai.AsyncOpenAI]) -> openai.AsyncOpenAI:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        return of(api_key="k", max_retries=0, http_client=http)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(request.content)
        return httpx2.Response(418, json={"error": {"message": "x"}})


async def bodies(send: Any) -> tuple[bytes, bytes]:
    """Return the body that `send` makes of OpenAI's client, and of ours."""
    wire = Wire()
    for kind in (openai.AsyncOpenAI, OpenAIClient):
        async with wire.client(kind) as client:
            with pytest.raises(openai.APIStatusError):
                await send(client)
    theirs, ours = wire.bodies
    return theirs, ours


@pytest.fixture(params=["create", "with_streaming_response", "with_raw_response"])
def way(request: pytest.FixtureRequest) -> Any:
    """A way of calling `create`."""

    async def call(resource: Any, **given: Any) -> Any:
        if request.param == "with_streaming_response":  # the Agents SDK's
            async with resource.with_streaming_response.create(**given) as response:
                return response
        return await (resource if request.param == "create" else resource.with_raw_response).create(**given)

    return call


@pytest.mark.feature("model-client")
class TestSameBytes:
    @pytest.mark.parametrize("item", samples(ResponseInputItemParam), ids=lambda item: str(item.get("type", "easy")))
    async def test_every_item_of_a_history(self, item: Any) -> None:
        theirs, ours = await bodies(lambda client: client.responses.create(model="m", input=[item, item], stream=True))

        assert ours == theirs

    @pytest.mark.parametrize("tool", samples(ToolParam), ids=lambda tool: str(tool["type"]))
    async def test_every_tool(self, tool: Any) -> None:
        given = {"model": "m", "input": "hello", "tools": [tool], "reasoning": {"effort": "low"}}
        theirs, ours = await bodies(lambda client: client.responses.create(**given))

        assert ours == theirs

    async def test_every_way_to_ask(self, way: Any) -> None:
        given = {"input": samples(ResponseInputItemParam), "tools": samples(ToolParam), "extra_body": {"own": [1]}}
        theirs, ours = await bodies(lambda client: way(client.responses, model="m", store=False, **given))

        assert ours == theirs

    async def test_every_message_and_tool_of_chat_completions(self, way: Any) -> None:
        messages, tools = samples(ChatCompletionMessageParam), samples(ChatCompletionToolUnionParam)
        given = {"messages": messages, "tools": tools, "stream": True}
        theirs, ours = await bodies(lambda client: way(client.chat.completions, model="m", **given))

        assert len(messages) > 10
        assert ours == theirs

    @pytest.mark.parametrize("name", NOT_ONLY_JSON)
    async def test_what_is_not_a_list_of_json(self, name: str) -> None:
        given: Any = NOT_ONLY_JSON[name]
        theirs, ours = await bodies(lambda client: client.responses.create(model="m", **given()))

        assert ours == theirs

    async def test_an_agent_with_every_tool(self) -> None:
        mcp: Any = {"type": "mcp", "server_label": "s", "server_url": "https://mcp.test", "require_approval": "never"}
        code: Any = {"type": "code_interpreter", "container": {"type": "auto"}}
        hosted = [FileSearchTool(["vs_1"]), HostedMCPTool(mcp), CodeInterpreterTool(code), WebSearchTool()]
        tools = {each.name: each for each in [*TOOLS, *ON_REQUEST.values(), *hosted]}
        items: Any = samples(ResponseInputItemParam)

        async def send(client: openai.AsyncOpenAI) -> None:
            model = OpenAIResponsesModel("gpt-6", client)
            agent = Agent(name="all", instructions="x", tools=[*tools.values()], model=model)
            config = RunConfig(tracing_disabled=True, group_id="g")  # the cache key follows the group
            async for _ in Runner.run_streamed(agent, items, run_config=config).stream_events():
                pass

        theirs, ours = await bodies(send)

        assert ours == theirs


class TestGuards:
    @pytest.mark.parametrize("name", WIRE)
    def test_the_walk_changes_nothing(self, name: str) -> None:
        """If this fails, `openai` renames or formats a field below `name`: take that list out of `_as_json`."""
        found = [each for each in walked(WIRE[name], set()) if each.alias or each.format]

        assert found == []

    @pytest.mark.parametrize(
        ("resource", "module"),
        [
            ("responses", "openai.resources.responses.responses"),
            ("chat.completions", "openai.resources.chat.completions.completions"),
        ],
    )
    async def test_lists_do_not_reach_the_walk(
        self, resource: str, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If this fails, `openai` makes its resources or the walk in another way, and each turn costs double again."""
        seen: list[Any] = []

        async def walk(given: Any, of: Any) -> Any:
            seen.append(given)

        monkeypatch.setattr(f"{module}.async_maybe_transform", walk)
        lists = {name: [{"role": "user", "content": "hello"}] for name in ("input", "messages", "tools")}
        lists.pop("messages" if resource == "responses" else "input")
        async with Wire().client(OpenAIClient) as client:
            with pytest.raises(openai.APIStatusError):
                await operator.attrgetter(resource)(client).create(model="m", **lists)

        assert [[each for name in lists for each in given[name]] for given in seen] == [[]]


class TestConnections:
    def test_an_unused_one_stays_open_while_a_user_reads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Recording(openai.DefaultAsyncHttpxClient):
            def __init__(self, **options: Any) -> None:
                made.append(options["limits"].keepalive_expiry)
                super().__init__(**options)

        made: list[float] = []
        monkeypatch.setattr(openai, "DefaultAsyncHttpxClient", Recording)
        client = OpenAIClient(api_key="k")

        assert made == [KEEP_ALIVE_SECONDS]
        assert 60 <= KEEP_ALIVE_SECONDS < 350  # a NAT gateway drops an idle connection silently after 350 s
        assert client.timeout == openai.AsyncOpenAI(api_key="k").timeout

    def test_a_copy_keeps_the_class_and_its_connections(self) -> None:
        client = OpenAIClient(api_key="k")

        assert isinstance(client.with_options(max_retries=7), OpenAIClient)
