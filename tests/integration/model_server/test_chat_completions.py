"""Chat Completions and transcriptions of the local model server, through the real `openai` client."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.integration.model_server.conftest import until
from tools.local.openai.server import ModelServer
from tools.local.openai.transcription import spoken

MODEL = "gpt-6-luna"
HELLO: Any = [{"role": "user", "content": "hello"}]


async def chunks_of(client: openai.AsyncOpenAI, messages: Any, **options: Any) -> list[ChatCompletionChunk]:
    async with await client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options) as stream:
        return [chunk async for chunk in stream]


class TestChatCompletions:
    @pytest.mark.feature("openai-compatible")
    async def test_chunks_tell_role_words_and_end(self, client: openai.AsyncOpenAI) -> None:
        first, *words, last = await chunks_of(client, HELLO)
        assert first.choices[0].delta.role == "assistant"
        assert last.choices[0].finish_reason == "stop"
        assert len(words) > 10
        assert len({chunk.id for chunk in (first, *words, last)}) == 1
        for chunk in (first, *words, last):
            ChatCompletionChunk.model_validate(chunk.to_dict(), strict=True)

    async def test_words_are_those_of_the_whole(self, client: openai.AsyncOpenAI) -> None:
        chunks = await chunks_of(client, HELLO)
        whole = await client.chat.completions.create(model=MODEL, messages=HELLO)
        ChatCompletion.model_validate(whole.to_dict(), strict=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content

    async def test_usage_comes_when_it_is_asked_for(self, client: openai.AsyncOpenAI) -> None:
        *_, last = await chunks_of(client, HELLO, stream_options={"include_usage": True})
        assert last.choices == []
        assert last.usage
        assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens

    async def test_system_messages_are_instructions(self, client: openai.AsyncOpenAI) -> None:
        messages: Any = [{"role": "system", "content": "Write a title."}, {"role": "user", "content": "my rent, again"}]
        answer = await client.chat.completions.create(model=MODEL, messages=messages)
        assert answer.choices[0].message.content == "My rent again"

    async def test_a_cut_answer_says_so(self, client: openai.AsyncOpenAI) -> None:
        *_, last = await chunks_of(client, [{"role": "user", "content": "simulate incomplete"}])
        assert last.choices[0].finish_reason == "length"

    async def test_no_messages_are_400(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="messages"):
            await client.chat.completions.create(model=MODEL, messages=[])

    async def test_errors_on_demand(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.RateLimitError):
            await chunks_of(client, [{"role": "user", "content": "simulate error 429"}])

    @pytest.mark.parametrize("text", ["simulate slow 0.5", "simulate silence"])
    async def test_client_that_goes_away_is_noticed(
        self, client: openai.AsyncOpenAI, model: ModelServer, text: str
    ) -> None:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": text}], stream=True
        )
        await anext(aiter(stream))
        await stream.close()
        await until(lambda: model.requests[-1].closed_early_at)


ORDER: Any = {
    "type": "function",
    "function": {
        "name": "look_up_order",
        "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    },
}


class TestTools:
    async def test_a_tool_is_called_and_its_output_answered(self, client: openai.AsyncOpenAI) -> None:
        messages: list[Any] = [{"role": "user", "content": 'call look_up_order {"id": 17}'}]
        asked = await client.chat.completions.create(model=MODEL, messages=messages, tools=[ORDER])
        ChatCompletion.model_validate(asked.to_dict(), strict=True)
        message = asked.choices[0].message
        assert asked.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls
        call: Any = message.tool_calls[0]
        assert (call.function.name, call.function.arguments) == ("look_up_order", '{"id": 17}')
        messages += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "sent"}]
        told = await client.chat.completions.create(model=MODEL, messages=messages, tools=[ORDER])
        assert told.choices[0].message.content == "(local model) look_up_order answered: sent"

    async def test_a_call_is_streamed_in_pieces(self, client: openai.AsyncOpenAI) -> None:
        chunks = await chunks_of(client, [{"role": "user", "content": "Look up order 17"}], tools=[ORDER])
        deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
        assert "".join(each.function.arguments or "" for each in deltas if each.function) == '{"id": 17}'
        assert chunks[-1].choices[0].finish_reason == "tool_calls"

    async def test_a_filtered_answer_says_so(self, client: openai.AsyncOpenAI) -> None:
        *_, last = await chunks_of(client, [{"role": "user", "content": "simulate filtered"}])
        assert last.choices[0].finish_reason == "content_filter"

    async def test_a_strict_endpoint_refuses_what_does_not_alternate(
        self, client: openai.AsyncOpenAI, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(model, "strict_chat", True)
        with pytest.raises(openai.BadRequestError, match="alternate"):
            await client.chat.completions.create(model=MODEL, messages=[*HELLO, *HELLO])


class TestTranscriptions:
    @pytest.mark.parametrize("text", ["What are my balances?", "Größe: 12 €"])
    async def test_speech_with_a_text_in_it_says_that_text(self, client: openai.AsyncOpenAI, text: str) -> None:
        heard = await client.audio.transcriptions.create(
            model="gpt-transcribe", file=("speech.webm", spoken(text), "audio/webm")
        )
        assert heard.text == text

    async def test_other_bytes_arrive_unchanged(self, client: openai.AsyncOpenAI) -> None:
        audio = bytes(range(256)) * 10 + b"\r\n--x\r\n"
        heard = await client.audio.transcriptions.create(model="whisper-1", file=("speech.ogg", audio, "audio/ogg"))
        assert heard.text == f"{len(audio)} bytes of audio/ogg"

    @pytest.mark.parametrize(
        ("model_name", "name", "audio", "error"),
        [
            ("gpt-0", "a.webm", b"x", openai.NotFoundError),
            ("whisper-1", "a.txt", b"x", openai.BadRequestError),
            ("whisper-1", "a.webm", b"", openai.BadRequestError),
            ("whisper-1", "a.webm", b"no EBML header", openai.BadRequestError),
        ],
    )
    async def test_what_openai_refuses_is_refused(
        self, client: openai.AsyncOpenAI, model_name: str, name: str, audio: bytes, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await client.audio.transcriptions.create(model=model_name, file=(name, audio, "audio/webm"))
