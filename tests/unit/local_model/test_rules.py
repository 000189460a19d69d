"""The local model for any assistant: which tool it calls with which arguments, and how it names itself."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tools.local.openai.arguments import make_arguments
from tools.local.openai.responses import FunctionCall, Message
from tools.local.openai.rules import respond
from tools.local.openai.simulations import Script

STRING = {"type": "string"}
NUMBER = {"type": "integer"}


def tool(name: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties or {}, "required": list(properties or {}), **more}
    return {"type": "function", "name": name, "parameters": shape}


def outputs(question: str, *tools: dict[str, Any], **body: Any) -> tuple[Any, ...]:
    script = respond({"model": "anything", "input": question, "tools": list(tools), **body})
    assert isinstance(script, Script)
    return script.outputs


def text(question: str, *tools: dict[str, Any], **body: Any) -> str:
    return " ".join(output.text for output in outputs(question, *tools, **body) if isinstance(output, Message))


class TestOrders:
    @pytest.mark.feature("local-model")
    def test_a_tool_is_called_with_the_arguments_of_the_text(self) -> None:
        found = outputs('Please call look_up_order {"id": 17, "of": {"year": 2026}} now', tool("look_up_order"))
        assert found == (FunctionCall("look_up_order", {"id": 17, "of": {"year": 2026}}),)

    def test_without_arguments_they_are_made_from_the_schema(self) -> None:
        assert outputs("call look_up_order", tool("look_up_order", {"id": NUMBER})) == (
            FunctionCall("look_up_order", {"id": 1}),
        )

    def test_several_calls_are_made_at_once(self) -> None:
        question = 'call first {"a": 1} and call second {"b": 2}'
        assert [call.name for call in outputs(question, tool("first"), tool("second"))] == ["first", "second"]

    def test_several_calls_are_made_one_by_one_if_the_request_wants_that(self) -> None:
        question, tools = 'call first {"a": 1} and call second {"b": 2}', (tool("first"), tool("second"))
        assert [call.name for call in outputs(question, *tools, parallel_tool_calls=False)] == ["first"]
        called: list[Any] = [
            {"role": "user", "content": question},
            {"type": "function_call", "call_id": "c1", "name": "first", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
        ]
        script = respond({"model": "m", "input": called, "tools": list(tools), "parallel_tool_calls": False})
        assert isinstance(script, Script)
        assert script.outputs == (FunctionCall("second", {"b": 2}),)

    def test_an_unknown_tool_is_named_with_the_known_ones(self) -> None:
        assert text("call refund {}", tool("look_up_order")) == (
            "(local model) This request has no tool refund. It has: look_up_order."
        )


class TestToolsByName:
    @pytest.mark.parametrize(
        ("question", "name"),
        [
            ("Look up order 17", "look_up_order"),
            ("Where are my orders?", "look_up_order"),
            ("When are you open?", "open_page"),
            ("What is the weather in Rome?", "getWeather"),
        ],
    )
    def test_a_word_of_the_name_selects_a_tool(self, question: str, name: str) -> None:
        tools = [tool("look_up_order", {"id": NUMBER}), tool("open_page", {"page": STRING}), tool("getWeather")]
        assert [call.name for call in outputs(question, *tools)] == [name]

    def test_numbers_of_the_question_become_arguments(self) -> None:
        assert outputs("Look up order 17", tool("look_up_order", {"id": NUMBER})) == (
            FunctionCall("look_up_order", {"id": 17}),
        )

    def test_common_words_select_none(self) -> None:
        assert "(local model)" in text("What is it?", tool("get_it"), tool("what_is"))

    @pytest.mark.parametrize("name", ["set_budget", "highlight", "spending_by_category", "open_page", "balances"])
    def test_a_tool_with_a_name_of_the_samples_keeps_its_own_schema(self, name: str) -> None:
        found = outputs(f"call {name}", tool(name, {"page": STRING}))
        assert [set(call.arguments) for call in found] == [{"page"}]

    @pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "look_up_order"}])
    def test_a_required_tool_is_called(self, choice: Any) -> None:
        found = outputs("hello", tool("look_up_order", {"id": NUMBER}), tool_choice=choice)
        assert [call.name for call in found] == ["look_up_order"]


class TestWords:
    @pytest.mark.parametrize("question", ["hello", "Who are you?", "Wer bist du?"])
    def test_the_model_names_itself(self, question: str) -> None:
        assert text(question).startswith("(local model)")

    def test_spendo_speaks_for_spendo_only(self) -> None:
        assert "Spendo" not in text("hello", instructions="You are a shop's assistant.")
        assert "Spendo" in text("hello", instructions="You are Spendo, a personal finance coach.")

    def test_a_tools_output_is_repeated(self) -> None:
        called: list[Any] = [
            {"role": "user", "content": "Look up order 17"},
            {"type": "function_call", "call_id": "c1", "name": "look_up_order", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": '{"total": "1", "accounts": []}'},
        ]
        script = respond({"model": "m", "input": called, "tools": [tool("look_up_order")]})
        assert isinstance(script, Script)
        assert script.outputs == (Message('(local model) look_up_order answered: {"total": "1", "accounts": []}'),)

    def test_instructions_about_titles_do_not_make_every_answer_one(self) -> None:
        assert text("hello there", instructions="You sell books. Know every title.").startswith("(local model)")


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 9}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}}},
    {"type": "object", "properties": {"a": {"enum": ["red", "green"]}, "b": {"const": 3}}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": {"type": ["string", "null"], "maxLength": 3}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "boolean"}]}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "array", "items": STRING, "minItems": 2}}, "required": ["a"]},
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/Node"}},
        "required": ["a"],
        "$defs": {"Node": {"type": "object", "properties": {"b": {"$ref": "#/$defs/Node"}, "c": NUMBER}}},
    },
    {"allOf": [{"type": "object", "properties": {"a": STRING}, "required": ["a"]}]},
    {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}, "required": ["a"]},
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("question", ["", "17 green things", 'the "quoted" words -3.5'])
def test_made_arguments_satisfy_the_schema(schema: dict[str, Any], question: str) -> None:
    jsonschema.validate(make_arguments(schema, question), schema)
