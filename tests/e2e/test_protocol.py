"""Request types of ChatKit over the Function URL, with the coach and its model, across a change of process.

tests/unit/chat_api/test_protocol.py has the complete sequences and all refusals.
"""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.test_function_url import ask
from tools.client.chatkit import (
    ChatKitClient,
    Received,
    act,
    add_form_answers,
    add_message,
    add_tool_output,
    create_thread,
    get_thread,
    transcribe,
)
from tools.local.openai.transcription import spoken
from tools.local.stack import Stack


def item(stream: list[Received], kind: str) -> dict[str, Any]:
    done = [received.event["item"] for received in stream if received.event["type"] == "thread.item.done"]
    return next(each for each in done if each["type"] == kind)


def types(stream: list[Received]) -> list[str]:
    return [received.event["type"] for received in stream]


async def test_client_tool_is_resumed_by_another_process(stack: Stack, ana: ChatKitClient) -> None:
    stream = await ask(ana, create_thread("Open my budgets"))
    thread_id = stream[0].event["thread"]["id"]
    call = item(stream, "client_tool_call")
    await stack.new_process()

    resumed = await ask(ana, add_tool_output(thread_id, {"opened": "budgets"}))

    assert (call["name"], call["status"]) == ("open_page", "pending")
    assert types(resumed)[0] == "stream_options"
    assert "budgets" in "".join(received.delta for received in resumed)


async def test_form_card_and_action(ana: ChatKitClient) -> None:
    stream = await ask(ana, create_thread("I am saving for a boat"))
    thread_id = stream[0].event["thread"]["id"]
    form = item(stream, "structured_input")
    planned = await ask(ana, add_form_answers(thread_id, form["id"], {"amount": "5000", "horizon": "12 months"}))
    widget = item(await ask(ana, add_message(thread_id, "Set a budget for dining")), "widget")

    saved = await ask(ana, act(thread_id, widget["id"], "budget.save", {"category": "dining", "amount": "400"}))
    edit = act(thread_id, widget["id"], "budget.edit", {"category": "dining"})
    edited = await ana.call({**edit, "type": "threads.sync_custom_action"})

    stored = {each["id"]: each for each in (await ana.call(get_thread(thread_id)))["items"]["data"]}
    assert types(planned)[:2] == ["stream_options", "thread.item.replaced"]
    assert stored[form["id"]]["status"] == "answered"
    assert types(saved) == ["stream_options", "thread.item.replaced"]
    assert "400.00" in str(edited["updated_item"]["widget"])
    assert stored[widget["id"]]["widget"] == edited["updated_item"]["widget"]


async def test_dictation_lists_mentions_and_deletion(stack: Stack, ana: ChatKitClient) -> None:
    heard = await ana.call(transcribe(spoken("What are my balances?"), "audio/webm;codecs=opus"))
    thread_id = (await ask(ana, create_thread(heard["text"])))[0].event["thread"]["id"]
    listed = await ana.call({"type": "threads.list", "params": {"limit": 9999, "order": "desc"}})
    page = await ana.call({"type": "items.list", "params": {"thread_id": thread_id, "limit": 1, "order": "asc"}})
    attachment = await ana.register("a.txt", "text/plain", 3)
    removed = await ana.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    deleted = await ana.call({"type": "threads.delete", "params": {"thread_id": thread_id}})
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as anonymous:
        mentions = await anonymous.get("/chatkit/entities", params={"q": "gro"})

    assert heard == {"text": "What are my balances?"}
    assert [thread["id"] for thread in listed["data"]] == [thread_id]
    assert (page["has_more"], page["data"][0]["type"]) == (True, "user_message")
    assert (removed, deleted) == ({}, {})
    assert (await ana.call({"type": "threads.list", "params": {}}))["data"] == []
    assert mentions.status_code == 401
