"""The coach's turns over HTTP: sequences of events, and the items that are stored."""

from __future__ import annotations

import base64
import re
from typing import Any

import httpx
import pytest

from coach.accounts import ACCOUNTS, dollars, months_before
from coach.tools.goals import goal_plan
from tests.fakes.ledger import read_ledger
from tests.integration.coach.conftest import TODAY, USER, Reply, Talk
from tests.unit.chat_api.conftest import BUCKET
from tools.local.files import PNG
from tools.local.openai.transcription import spoken


def without_title(reply: Reply) -> list[str]:
    """Return the event types without the title's, which arrives at any time."""
    kept = [event for event in reply.events if event["type"] != "thread.updated"]
    return Reply(kept).types


def ledger(talk: Talk) -> Any:
    """Return the ledger of the token's user."""
    (user_id,) = {key[0] for key in talk.world.store._threads}
    return read_ledger(user_id, TODAY)


class TestNumbers:
    @pytest.mark.feature("balances")
    @pytest.mark.feature("agents-sdk")
    @pytest.mark.feature("widgets")
    async def test_balances_come_as_a_card_and_in_words(self, talk: Talk) -> None:
        reply = await talk.say("What are my balances?")
        assert without_title(reply) == [
            *("thread.created", "thread.item.done", "stream_options"),
            *("thread.item.done", "thread.item.added", "thread.item.updated", "thread.item.done"),
        ]
        for account in ACCOUNTS:
            assert dollars(ledger(talk).balance(account)) in str(reply.item("widget"))
            assert dollars(ledger(talk).balance(account)) in reply.text

    @pytest.mark.feature("spending")
    @pytest.mark.feature("progress")
    async def test_spending_comes_with_progress_and_a_chart(self, talk: Talk) -> None:
        reply = await talk.say("What did I spend on dining in 6 months?")
        spent = ledger(talk).spent("dining", months_before(TODAY, 6))
        assert "progress_update" in reply.types
        assert "Chart" in str(reply.item("widget"))
        assert dollars(spent.cents) in reply.text

    @pytest.mark.feature("titles")
    async def test_a_title_appears_without_a_reload(self, talk: Talk) -> None:
        reply = await talk.say("How much did I spend on travel this year?")
        (shown,) = {event["thread"]["title"] for event in reply.events if event["type"] == "thread.updated"}
        assert shown == "How much did I spend on"
        assert (await talk.call("threads.get_by_id", thread_id=talk.thread_id))["title"] == shown

    @pytest.mark.feature("history")
    async def test_the_conversation_is_known(self, talk: Talk) -> None:
        await talk.say("What are my balances?")
        assert "“What are my balances?”" in (await talk.say("What did I just ask?")).text


class TestWorkflows:
    @pytest.mark.feature("analysis")
    async def test_an_analysis_is_a_workflow_that_ends_once(self, talk: Talk) -> None:
        reply = await talk.say("Analyze my spending of the last 6 months")
        workflow = reply.item("workflow")["workflow"]
        assert [task["status_indicator"] for task in workflow["tasks"]] == ["complete"] * 3
        assert workflow["summary"]["title"] == "Analyzed 6 months"
        assert len(reply.updates("workflow.task.added")) == 2
        assert "a month in the mean" in reply.text
        (kept,) = (item for item in await talk.stored() if item["type"] == "workflow")
        assert kept["workflow"] == workflow
        assert [item["type"] for item in await talk.stored()] == [
            "user_message",
            "workflow",
            "widget",
            "assistant_message",
        ]

    @pytest.mark.feature("reasoning")
    async def test_thoughts_are_a_workflow(self, talk: Talk) -> None:
        reply = await talk.say("think: what did I spend on rent?")
        assert reply.item("workflow")["workflow"]["type"] == "reasoning"
        assert "on rent" in reply.text


class TestTheHostPage:
    @pytest.mark.feature("client-tools")
    @pytest.mark.feature("threads.add_client_tool_output")
    async def test_the_turn_goes_on_with_what_the_page_answers(self, talk: Talk) -> None:
        reply = await talk.say("Open my budgets, please")
        call = reply.item("client_tool_call")
        assert (call["name"], call["arguments"], call["status"]) == ("open_page", {"page": "budgets"}, "pending")
        assert reply.text == ""
        resumed = await talk.stream("threads.add_client_tool_output", result={"opened": "budgets"})
        assert resumed.text == 'open_page answered: {"opened": "budgets"}'
        function_call, output = talk.model.requests[-1].body["input"][-2:]
        assert function_call["call_id"] == output["call_id"] == call["call_id"]
        assert [item["type"] for item in await talk.stored()] == [
            "user_message",
            "client_tool_call",
            "assistant_message",
        ]

    @pytest.mark.promise("B8")
    async def test_parallel_calls_of_the_page_are_not_lost(self, talk: Talk) -> None:
        reply = await talk.say('call open_page {"page": "budgets"} call open_page {"page": "goals"}')

        calls = [item for item in await talk.stored() if item["type"] == "client_tool_call"]
        assert sorted((call["arguments"]["page"], call["status"]) for call in calls) == [
            ("budgets", "pending"),
            ("goals", "completed"),
        ]
        resumed = await talk.stream("threads.add_client_tool_output", result={"opened": "budgets"})
        outputs = [item for item in talk.model.requests[-1].body["input"] if item["type"] == "function_call_output"]
        assert "Call it again" in str(outputs)
        assert reply.text == ""
        assert resumed.text

    @pytest.mark.feature("client-effects")
    async def test_an_effect_needs_no_answer(self, talk: Talk) -> None:
        reply = await talk.say("Please highlight travel")
        (effect,) = (event for event in reply.events if event["type"] == "client_effect")
        assert (effect["name"], effect["data"]) == ("highlight", {"category": "travel"})
        assert "highlighted" in reply.text


class TestGoals:
    @pytest.mark.feature("goals")
    @pytest.mark.feature("threads.add_structured_input")
    async def test_a_forms_answers_become_a_plan(self, talk: Talk) -> None:
        reply = await talk.say("I am saving for a boat")
        form = reply.item("structured_input")
        assert (form["status"], reply.text) == ("pending", "")
        answers = {"amount": {"values": ["$5,000"]}, "horizon": {"values": ["12 months"]}, "account": {"skipped": True}}
        planned = await talk.stream(
            "threads.add_structured_input", item_id=form["id"], input={"status": "answered", "answers": answers}
        )
        assert planned.types[1] == "thread.item.replaced"
        assert goal_plan(ledger(talk), TODAY, 5000, 12)["needed_per_month"] in planned.text
        assert (await talk.stored())[1]["status"] == "answered"

    async def test_a_skipped_form_is_no_goal(self, talk: Talk) -> None:
        form = (await talk.say("My goal is a house")).item("structured_input")
        skipped = await talk.stream("threads.add_structured_input", item_id=form["id"], input={"status": "skipped"})
        assert "fine" in skipped.text


class TestBudgets:
    @pytest.mark.feature("budgets")
    @pytest.mark.feature("threads.custom_action")
    @pytest.mark.feature("hidden-context")
    async def test_a_saved_form_becomes_a_card_and_the_model_knows(self, talk: Talk) -> None:
        form = (await talk.say("Set a budget for dining")).item("widget")
        assert form["widget"]["confirm"]["action"] == {"type": "budget.save", "payload": {"category": "dining"}}
        action = {"type": "budget.save", "payload": {"category": "dining", "amount": "400"}}
        saved = await talk.stream("threads.custom_action", item_id=form["id"], action=action)
        assert saved.types == ["stream_options", "thread.item.replaced"]
        assert "$400.00" in str(saved.events[-1]["item"]["widget"])
        assert "$400.00 for dining" in (await talk.say("Which budgets do I have?")).text
        assert "The user set the monthly budget for dining to $400.00." in str(talk.model.requests[-1].body["input"])
        assert "hidden_context_item" not in [item["type"] for item in await talk.stored()]

    @pytest.mark.feature("threads.sync_custom_action")
    async def test_a_card_turns_into_its_form_at_once(self, talk: Talk) -> None:
        form = (await talk.say("Set a budget for travel")).item("widget")
        save = {"type": "budget.save", "payload": {"category": "travel", "amount": "150"}}
        await talk.stream("threads.custom_action", item_id=form["id"], action=save)
        edit = {"type": "budget.edit", "payload": {"category": "travel"}}
        changed = await talk.call(
            "threads.sync_custom_action", thread_id=talk.thread_id, item_id=form["id"], action=edit
        )
        assert "'defaultValue': '150.00'" in str(changed["updated_item"]["widget"])
        assert (await talk.stored())[1]["widget"] == changed["updated_item"]["widget"]

    async def test_an_unknown_action_is_told(self, talk: Talk) -> None:
        form = (await talk.say("Set a budget for travel")).item("widget")
        reply = await talk.stream("threads.custom_action", item_id=form["id"], action={"type": "budget.burn"})
        assert (reply.events[-1]["type"], reply.events[-1]["allow_retry"]) == ("error", False)


class TestPictures:
    @pytest.mark.feature("generated-images")
    @pytest.mark.promise("A9")
    async def test_a_picture_comes_in_parts_and_is_kept_outside_the_thread(self, talk: Talk) -> None:
        reply = await talk.say("Draw a picture of my boat")
        partial, later = (update["image"]["url"] for update in reply.updates("generated_image.updated"))
        final = reply.item("generated_image")["image"]["url"]
        assert len({partial, later, final}) == 3
        assert all(url.startswith("https://") for url in (partial, later, final))
        assert "/pending/" in partial
        assert "/generated/" in final
        assert [update["progress"] for update in reply.updates("generated_image.updated")] == [0.0, 0.5]
        key = final.partition("?")[0].partition("/generated/")[2]
        kept = talk.world.s3.get_object(Bucket=BUCKET, Key=f"generated/{key}")["Body"].read()
        assert kept == PNG
        (stored,) = talk.world.store._threads.values()
        assert not any("base64" in item.body or "X-Amz" in item.body for item in stored.items.values())

    async def test_the_newest_picture_is_sent_along(self, talk: Talk) -> None:
        await talk.say("Draw a picture of my boat")
        await talk.say("And what is it worth?")
        sent = str(talk.model.requests[-1].body["input"])
        assert base64.b64encode(PNG).decode() in sent
        assert "X-Amz" not in sent


class TestDictation:
    @pytest.mark.feature("transcription")
    @pytest.mark.feature("input.transcribe")
    async def test_speech_becomes_text(self, talk: Talk) -> None:
        audio = base64.b64encode(spoken("What are my balances?")).decode()
        heard = await talk.call("input.transcribe", audio_base64=audio, mime_type="audio/webm;codecs=opus")
        assert heard == {"text": "What are my balances?"}

    async def test_the_bytes_arrive_as_they_are(self, talk: Talk) -> None:
        audio = base64.b64encode(bytes(range(256)) * 40).decode()
        heard = await talk.call("input.transcribe", audio_base64=audio, mime_type="audio/mp4")
        assert heard == {"text": "10240 bytes of audio/mp4"}

    @pytest.mark.promise("H3")
    async def test_bytes_that_are_no_audio_are_the_request_s_fault(self, talk: Talk) -> None:
        audio = base64.b64encode(b"these words are no sound").decode()
        params = {"audio_base64": audio, "mime_type": "audio/webm"}
        refused = await talk.world.post({"type": "input.transcribe", "params": params}, user=USER)

        assert refused.status_code == 400
        assert "record it again" in refused.json()["message"]


class TestMentions:
    @pytest.mark.feature("mentions")
    async def test_what_is_typed_is_found_and_resolved(self, talk: Talk) -> None:
        async with talk.world.client(USER) as browser:
            found: list[Any] = (await browser.get("/chatkit/entities", params={"q": "cas"})).json()
        assert [entity["id"] for entity in found] == ["account:cash"]
        tag = {"type": "input_tag", "id": "account:cash", "text": "Cash", "data": {"kind": "anything"}}
        content = [{"type": "input_text", "text": "How much is in "}, tag]
        reply = await talk.say("", content=content)
        assert re.search(
            r'\n@Cash\n</mention-\w+>\nis {"kind": "account", "name": "cash"}',
            "\n".join(str(part["text"]) for part in talk.model.requests[-1].body["input"][1]["content"]),
        )
        assert "in cash" in reply.text

    @pytest.mark.feature("quoted-text")
    async def test_quoted_text_is_understood(self, talk: Talk) -> None:
        reply = await talk.say("Explain that", quoted_text="an emergency fund")
        assert reply.text == "You refer to “an emergency fund”."


class TestChoices:
    @pytest.mark.feature("inference-options")
    async def test_the_chosen_model_and_tool_are_used(self, talk: Talk) -> None:
        options = {"model": "gpt-6-luna", "tool_choice": {"id": "balances"}}
        reply = await talk.say("Tell me something", inference_options=options)
        bodies = [request.body for request in talk.model.requests if "tools" in request.body][-2:]
        assert [body["model"] for body in bodies] == ["gpt-6-luna", "gpt-6-luna"]
        assert bodies[0]["tool_choice"] == {"type": "function", "name": "balances"}
        assert "in cash" in reply.text

    async def test_others_are_refused_before_anything_is_stored(self, talk: Talk) -> None:
        for options in ({"model": "gpt-0"}, {"tool_choice": {"id": "set_budget"}}):
            content = [{"type": "input_text", "text": "hello"}]
            params = {"input": {"content": content, "attachments": [], "inference_options": options}}
            answer: httpx.Response = await talk.world.post({"type": "threads.create", "params": params})
            assert answer.status_code == 400
        assert talk.world.store._threads == {}

    @pytest.mark.feature("annotations")
    async def test_sources_of_a_search_are_shown_and_stored(self, talk: Talk) -> None:
        reply = await talk.say("How do I budget?", inference_options={"tool_choice": {"id": "web_search"}})
        (annotation,) = reply.item("assistant_message")["content"][0]["annotations"]
        assert annotation["source"]["url"] == "https://example.com/budget"
        assert len(reply.updates("assistant_message.content_part.annotation_added")) == 1
        assert (await talk.stored())[-1]["content"][0]["annotations"] == [annotation]

    async def test_the_web_is_not_asked_unless_chosen(self, talk: Talk) -> None:
        await talk.say("How do I budget?")
        assert "web_search" not in [tool["type"] for tool in talk.model.requests[-1].body["tools"]]


class TestRetries:
    @pytest.mark.feature("threads.retry_after_item")
    async def test_another_answer_takes_the_place_of_the_first(self, talk: Talk) -> None:
        question, *_ = (await talk.say("What are my balances?")).done
        first = [item["id"] for item in await talk.stored()]
        again = await talk.stream("threads.retry_after_item", item_id=question["id"])
        assert "in cash" in again.text
        second = [item["id"] for item in await talk.stored()]
        assert second[0] == first[0]
        assert len(second) == len(first)
        assert not set(first[1:]) & set(second[1:])

    @pytest.mark.feature("model-failures")
    async def test_the_thread_stays_usable_after_a_failure(self, talk: Talk) -> None:
        failed = await talk.say("simulate error 500")
        assert (failed.events[-1]["type"], failed.events[-1]["allow_retry"]) == ("error", True)
        assert "in cash" in (await talk.say("What are my balances?")).text

    @pytest.mark.feature("usage-metrics")
    async def test_the_models_tokens_are_reported(self, talk: Talk) -> None:
        await talk.say("What are my balances?")
        (meter,) = talk.world.metrics
        assert meter.input_tokens > 100
        assert meter.output_tokens > 10
