"""The Responses API of the local model server, through the real `openai` client: valid events, sent one by one."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.integration.model_server.conftest import MODEL, until
from tools.local.files import PDF, PNG
from tools.local.openai.request import CONVERTER_TEXTS
from tools.local.openai.server import API_KEY, ModelServer

TEXT = "response.output_text.delta"
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
SPENDING: Any = {
    "type": "function",
    "name": "spending_by_category",
    "description": "Sum up spending.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"category": {"enum": ["groceries", "all"]}, "months": {"type": "integer"}},
        "required": ["category", "months"],
        "additionalProperties": False,
    },
}


async def events_of(client: openai.AsyncOpenAI, text: Any, **options: Any) -> list[Any]:
    async with await client.responses.create(model=MODEL, input=text, stream=True, **options) as stream:
        return [event async for event in stream]


def types_of(events: list[Any]) -> list[str]:
    """Return the event types in order; consecutive equal types count once."""
    types = [event.type for event in events]
    return [kind for index, kind in enumerate(types) if index == 0 or kind != types[index - 1]]


TEXT_ITEM = [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
OPENING = ["response.created", "response.in_progress"]


class TestEvents:
    async def test_text_has_the_documented_sequence(self, client: openai.AsyncOpenAI) -> None:
        events = await events_of(client, "hello")
        assert types_of(events) == [*OPENING, *TEXT_ITEM, "response.completed"]

    async def test_function_call_has_the_documented_sequence(self, client: openai.AsyncOpenAI) -> None:
        events = await events_of(client, "groceries of the last 3 months?", tools=[SPENDING])
        assert types_of(events) == [
            *OPENING,
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
        call = events[-1].response.output[0]
        assert (call.name, json.loads(call.arguments)) == (
            "spending_by_category",
            {"category": "groceries", "months": 3},
        )

    async def test_reasoning_has_the_documented_sequence(self, client: openai.AsyncOpenAI) -> None:
        events = await events_of(client, "think: what did I spend?", tools=[SPENDING], reasoning={"summary": "auto"})
        assert types_of(events)[2:8] == [
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
        ]

    async def test_picture_has_the_documented_sequence(self, client: openai.AsyncOpenAI) -> None:
        events = await events_of(client, "draw a boat", tools=[{"type": "image_generation", "partial_images": 2}])
        assert types_of(events)[2:8] == [
            "response.output_item.added",
            "response.image_generation_call.in_progress",
            "response.image_generation_call.generating",
            "response.image_generation_call.partial_image",
            "response.image_generation_call.completed",
            "response.output_item.done",
        ]
        partial = [event.partial_image_index for event in events if event.type.endswith(".partial_image")]
        picture, words = events[-1].response.output
        assert partial == [0, 1]
        assert base64.b64decode(picture.result).startswith(b"\x89PNG")
        assert words.type == "message"

    async def test_what_is_to_be_repeated_is(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.responses.create(
            model=MODEL, input="repeat: groceries, balances\nand a title", tools=[SPENDING]
        )
        assert answer.output_text == "groceries, balances\nand a title"

    async def test_a_forced_tool_is_called(self, client: openai.AsyncOpenAI) -> None:
        forced: Any = {"type": "function", "name": "spending_by_category"}
        answer = await client.responses.create(model=MODEL, input="hello", tools=[SPENDING], tool_choice=forced)
        assert [(item.type, item.name) for item in answer.output] == [("function_call", "spending_by_category")]  # pyright: ignore

    @pytest.mark.parametrize(
        "text",
        [
            "hello",
            "think: groceries?",
            "draw a boat",
            "simulate refusal",
            "simulate source",
            "simulate failed",
            "simulate incomplete",
        ],
    )
    async def test_every_event_is_valid_and_numbered(self, client: openai.AsyncOpenAI, text: str) -> None:
        tools = [SPENDING, {"type": "image_generation", "partial_images": 1}]
        events = await events_of(client, text, tools=tools, reasoning={"summary": "auto"})
        for event in events:
            EVENT.validate_python(event.to_dict(), strict=True)
        assert [event.sequence_number for event in events] == list(range(len(events)))

    async def test_deltas_add_up_to_the_text(self, client: openai.AsyncOpenAI) -> None:
        events = await events_of(client, "hello")
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert text == events[-1].response.output_text != ""

    async def test_ids_never_repeat(self, client: openai.AsyncOpenAI) -> None:
        answers = [(await events_of(client, "hello"))[-1].response for _ in range(3)]
        assert len({answer.id for answer in answers} | {answer.output[0].id for answer in answers}) == 6

    async def test_usage_counts_what_was_sent(self, client: openai.AsyncOpenAI) -> None:
        short, long = [await client.responses.create(model=MODEL, input=text) for text in ("hi", "hi " * 400)]
        assert short.usage
        assert long.usage
        assert long.usage.input_tokens - short.usage.input_tokens == pytest.approx(300, abs=2)
        assert long.usage.total_tokens == long.usage.input_tokens + long.usage.output_tokens

    async def test_without_stream_the_whole_response_comes(self, client: openai.AsyncOpenAI) -> None:
        response = await client.responses.create(model=MODEL, input="hello")
        Response.model_validate(response.to_dict(), strict=True)
        assert response.status == "completed"
        assert "stand-in" in response.output_text

    async def test_models_are_listed(self, client: openai.AsyncOpenAI) -> None:
        assert MODEL in [entry.id for entry in (await client.models.list()).data]


class TestTiming:
    async def test_deltas_arrive_one_by_one_when_they_were_sent(self, client: openai.AsyncOpenAI) -> None:
        """The server sends a delta only when the client has the one before."""
        with ModelServer.start(delay_seconds=0.05) as slow:
            slow.limits[TEXT] = arrived = 1
            stream = await client.with_options(base_url=slow.url).responses.create(
                model=MODEL, input="simulate long 20", stream=True
            )
            async for event in stream:
                if event.type == TEXT:
                    slow.limits[TEXT] = arrived = arrived + 1
            sent = slow.requests[-1].delta_times
        assert len(sent) == arrived - 1 == 20
        assert min(later - earlier for earlier, later in pairwise(sent)) >= 0.045

    async def test_an_answer_is_held_until_its_limit_is_gone(
        self, client: openai.AsyncOpenAI, model: ModelServer
    ) -> None:
        model.limits[TEXT] = 3
        try:
            stream = await client.responses.create(model=MODEL, input="simulate long 20", stream=True)
            record = model.requests[-1]
            await until(lambda: len(record.delta_times) == 3)
            with pytest.raises(TimeoutError):
                await until(lambda: len(record.delta_times) > 3, seconds=0.1)
        finally:
            model.limits.clear()
        assert len([event async for event in stream if event.type == TEXT]) == 20

    async def test_request_is_stamped_and_kept(self, client: openai.AsyncOpenAI, model: ModelServer) -> None:
        before = time.time()
        await events_of(client, "keep this")
        record = model.requests[-1]
        assert record.first_delta_at
        assert record.completed_at
        assert before <= record.received_at <= record.first_delta_at <= record.completed_at <= time.time()
        assert record.body["input"] == "keep this"
        assert record.closed_early_at is None

    async def test_other_processes_read_the_record(self, client: openai.AsyncOpenAI, model: ModelServer) -> None:
        await events_of(client, "tell others")
        async with httpx.AsyncClient() as http:
            answer = await http.get(model.url.removesuffix("/v1") + "/_requests")
        last = answer.json()["requests"][-1]
        assert last["body"]["input"] == "tell others"
        assert last["first_delta_at"] == model.requests[-1].first_delta_at


class TestDisconnect:
    @pytest.mark.promise("H6")
    @pytest.mark.parametrize("text", ["simulate slow 0.5", "simulate silence"])
    async def test_client_that_goes_away_is_noticed_at_once(
        self, client: openai.AsyncOpenAI, model: ModelServer, text: str
    ) -> None:
        stream = await client.responses.create(model=MODEL, input=text, stream=True)
        await anext(aiter(stream))
        left_at = time.time()
        await stream.close()
        record = model.requests[-1]
        await until(lambda: record.closed_early_at)
        assert record.closed_early_at
        assert record.closed_early_at - left_at < 0.5
        assert record.completed_at is None

    async def test_client_that_gives_up_waiting_is_noticed(
        self, client: openai.AsyncOpenAI, model: ModelServer
    ) -> None:
        with pytest.raises(openai.APITimeoutError):
            await client.with_options(timeout=0.2).responses.create(model=MODEL, input="simulate timeout")
        await until(lambda: model.requests[-1].closed_early_at)

    async def test_nothing_more_is_sent_after_it(self, client: openai.AsyncOpenAI, model: ModelServer) -> None:
        stream = await client.responses.create(model=MODEL, input="simulate slow 0.05", stream=True)
        await anext(aiter(stream))
        await stream.close()
        record = model.requests[-1]
        await until(lambda: record.closed_early_at)
        sent = len(record.events)
        await events_of(client, "simulate long 40")  # 0.2 s
        assert len(record.events) == sent


class TestFailures:
    @pytest.mark.parametrize(
        ("text", "error", "code"),
        [
            ("simulate error 400", openai.BadRequestError, "invalid_value"),
            ("simulate error 401", openai.AuthenticationError, "invalid_api_key"),
            ("simulate error 403", openai.PermissionDeniedError, "unsupported_country_region_territory"),
            ("simulate error 404", openai.NotFoundError, "model_not_found"),
            ("simulate error 429", openai.RateLimitError, "rate_limit_exceeded"),
            ("simulate quota", openai.RateLimitError, "insufficient_quota"),
            ("simulate error 500", openai.InternalServerError, None),
            ("simulate context", openai.BadRequestError, "context_length_exceeded"),
        ],
    )
    async def test_errors_on_demand(
        self, client: openai.AsyncOpenAI, text: str, error: type[openai.APIStatusError], code: str | None
    ) -> None:
        with pytest.raises(error) as caught:
            await events_of(client, text)
        assert caught.value.code == code
        assert caught.value.request_id

    @pytest.mark.parametrize("text", ["simulate error please", "simulate cut 1.5 times", "simulate what", "simulate"])
    async def test_careless_orders_do_not_break_the_server(self, client: openai.AsyncOpenAI, text: str) -> None:
        with contextlib.suppress(openai.InternalServerError, openai.APIConnectionError):
            await client.responses.create(model=MODEL, input=text)
        assert (await client.responses.create(model=MODEL, input="hello")).output_text

    async def test_cut_breaks_the_stream(self, client: openai.AsyncOpenAI) -> None:
        deltas = 0
        stream = await client.responses.create(model=MODEL, input="simulate cut 3", stream=True)
        with pytest.raises(openai.APIConnectionError):  # noqa: PT012
            async for event in stream:
                deltas += event.type == "response.output_text.delta"
        assert deltas == 3

    async def test_a_model_that_was_shut_down_is_404(self, client: openai.AsyncOpenAI, model: ModelServer) -> None:
        model.missing_models.add("gpt-0")
        with pytest.raises(openai.NotFoundError) as caught:
            await client.responses.create(model="gpt-0", input="hello")
        assert caught.value.code == "model_not_found"

    async def test_unknown_previous_response_is_400(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(model=MODEL, input="hello", previous_response_id="resp_gone")
        assert caught.value.code == "previous_response_not_found"

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}])
    async def test_a_key_is_required(self, model: ModelServer, headers: dict[str, str]) -> None:
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{model.url}/responses", json={"model": MODEL, "input": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'"text"'])
    async def test_bad_bodies_are_400(self, model: ModelServer, body: bytes) -> None:
        async with httpx.AsyncClient() as http:
            headers = {"Authorization": f"Bearer {API_KEY}"}
            answer = await http.post(f"{model.url}/responses", content=body, headers=headers)
        assert answer.status_code == 400

    async def test_reasoning_that_was_not_stored_must_come_encrypted(self, client: openai.AsyncOpenAI) -> None:
        item = {"type": "reasoning", "id": "rs_1", "summary": []}
        with pytest.raises(openai.NotFoundError, match="rs_1"):
            await client.responses.create(model=MODEL, input=[item], store=False)  # pyright: ignore


class TestAnyAssistant:
    @pytest.mark.parametrize("name", ["llama3.3:70b", "openai/gpt-6-luna", "arn:aws:bedrock:x"])
    async def test_any_models_name_is_accepted(self, client: openai.AsyncOpenAI, name: str) -> None:
        assert (await client.responses.create(model=name, input="hello")).output_text.startswith("(local model)")

    async def test_a_model_is_described_with_its_end(self, client: openai.AsyncOpenAI, model: ModelServer) -> None:
        model.shutdown_dates["gpt-5.1"] = "2027-04-01"
        found = await client.models.retrieve("gpt-5.1")
        assert found.to_dict()["shutdown_date"] == "2027-04-01"

    async def test_a_fault_of_the_model_itself_is_explained_and_not_repeated(
        self, model: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fails(_body: Any) -> Any:
            raise KeyError("enum")

        monkeypatch.setattr("tools.local.openai.exchange.respond", fails)
        async with openai.AsyncOpenAI(base_url=model.url, api_key=API_KEY, max_retries=2) as client:
            before = len(model.requests)
            with pytest.raises(openai.InternalServerError, match="KeyError"):
                await client.responses.create(model=MODEL, input="hello")
        assert len(model.requests) == before + 1
        assert "Traceback" in capsys.readouterr().err


class TestWords:
    async def test_history_is_known(self, client: openai.AsyncOpenAI) -> None:
        history: Any = [
            {"role": "user", "content": "How much did I spend on groceries?"},
            {"role": "assistant", "content": "A lot."},
            {"role": "user", "content": "What did I just ask?"},
        ]
        answer = await client.responses.create(model=MODEL, input=history)
        assert "“How much did I spend on groceries?”" in answer.output_text

    @pytest.mark.parametrize("context", CONVERTER_TEXTS)
    async def test_what_chatkit_adds_is_no_question(self, client: openai.AsyncOpenAI, context: str) -> None:
        roles: Any = [{"role": "user", "content": text} for text in ("First", f"{context} …", "What did I just ask?")]
        answer = await client.responses.create(model=MODEL, input=roles)
        assert answer.output_text == "You asked: “First”."

    async def test_attachments_are_named(self, client: openai.AsyncOpenAI) -> None:
        image, document = (base64.b64encode(data).decode() for data in (PNG, PDF))
        parts: Any = [
            {"type": "input_text", "text": "Look"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{image}", "detail": "auto"},
            {"type": "input_file", "filename": "bill.pdf", "file_data": f"data:application/pdf;base64,{document}"},
            {"type": "input_text", "text": "Total 12.50"},
        ]
        answer = await client.responses.create(model=MODEL, input=[{"role": "user", "content": parts}])
        assert f"(image/png, {len(PNG)} bytes)" in answer.output_text
        assert f"bill.pdf (application/pdf, {len(PDF)} bytes)" in answer.output_text
        assert "“Total 12.50”" in answer.output_text

    async def test_a_title_is_short(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.responses.create(
            model=MODEL, instructions="Write a title.", input="how much did I spend on groceries last month?"
        )
        assert answer.output_text == "How much did I spend on"


def test_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "tools.local.openai.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        client = openai.OpenAI(base_url=url, api_key=API_KEY)
        assert client.models.list().data
        client.close()
        process.terminate()


def test_stops_while_an_answer_is_open() -> None:
    with ModelServer.start() as model, openai.OpenAI(base_url=model.url, api_key=API_KEY, max_retries=0) as client:
        stream = client.responses.create(model=MODEL, input="simulate silence", stream=True)
        next(iter(stream))
        started = time.monotonic()
        model.stop()
        assert time.monotonic() - started < 5
        stream.close()
