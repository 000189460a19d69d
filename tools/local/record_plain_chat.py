"""Record event streams of the local stack for the plain chat's tests. Needs neither AWS nor OpenAI.

    .venv/bin/python -m tools.local.record_plain_chat

Writes one `<name>.jsonl` per conversation into `frontend/plain-chat/recorded`: its requests, events and JSON
responses in order, one per line. Signed URLs lose their query, and local hosts become `bucket.example`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

from tools import ROOT
from tools.client.chatkit import (
    ChatKitClient,
    act,
    add_form_answers,
    add_message,
    add_tool_output,
    create_thread,
    get_thread,
)
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.files import PNG
from tools.local.stack import running_stack

FOLDER = ROOT / "frontend" / "plain-chat" / "recorded"
LOCAL_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+(/[^\s\"?\\]*)(\?[^\s\"\\]*)?")

Json = dict[str, Any]


class Recording:
    """One conversation and its recorded lines; `thread_id` is set by the first stream."""

    def __init__(self, client: ChatKitClient) -> None:
        self._client = client
        self._lines = list[Json]()
        self.thread_id = ""

    async def say(self, text: str, *attachments: str) -> list[Json]:
        if not self.thread_id:
            return await self.stream(create_thread(text, attachments))
        return await self.stream(add_message(self.thread_id, text, attachments))

    async def stream(self, request: Json) -> list[Json]:
        events = [received.event async for received in self._client.stream(request)]
        if events and events[0]["type"] == "thread.created":
            self.thread_id = events[0]["thread"]["id"]
        self._lines += [{"request": request}, *({"event": event} for event in events)]
        return events

    async def call(self, request: Json) -> Json:
        answer = await self._client.call(request)
        self._lines += [{"request": request}, {"answer": answer}]
        return answer

    def save(self, name: str) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self._lines)
        (FOLDER / f"{name}.jsonl").write_text(LOCAL_URL.sub(r"https://bucket.example\1", text), "utf-8")
        sys.stdout.write(f"{name}: {len(self._lines)} lines\n")


def done(events: list[Json], kind: str) -> Json:
    return next(
        event["item"] for event in events if event["type"] == "thread.item.done" and event["item"]["type"] == kind
    )


async def words(client: ChatKitClient) -> None:
    recording = Recording(client)
    events = await recording.say("How much did I spend on groceries in 3 months?")
    await recording.say("What are my balances?")
    await recording.say("Highlight dining")
    await recording.say("simulate source")
    await recording.say("Think about my spending in 3 months")
    await recording.call(get_thread(recording.thread_id))
    params = {"thread_id": recording.thread_id, "limit": 4, "order": "desc"}
    await recording.call({"type": "items.list", "params": params})
    await recording.call({"type": "threads.list", "params": {"limit": 20, "order": "desc"}})
    question = done(events, "user_message")["id"]
    retry = {"thread_id": recording.thread_id, "item_id": question}
    await recording.stream({"type": "threads.retry_after_item", "params": retry})
    recording.save("words")


async def analysis(client: ChatKitClient) -> None:
    recording = Recording(client)
    await recording.say("Analyze my spending of the last 6 months")
    recording.save("analysis")


async def budget(client: ChatKitClient) -> None:
    recording = Recording(client)
    form = done(await recording.say("Set a budget for dining"), "widget")
    await recording.stream(act(recording.thread_id, form["id"], "budget.save", {"category": "dining", "amount": "0"}))
    await recording.stream(act(recording.thread_id, form["id"], "budget.save", {"category": "dining", "amount": "400"}))
    edit = act(recording.thread_id, form["id"], "budget.edit", {"category": "dining"})
    await recording.call({**edit, "type": "threads.sync_custom_action"})
    recording.save("budget")


async def goal(client: ChatKitClient) -> None:
    recording = Recording(client)
    form = done(await recording.say("I am saving for a boat"), "structured_input")
    await recording.stream(
        add_form_answers(recording.thread_id, form["id"], {"amount": "5000", "horizon": "12 months"})
    )
    form = done(await recording.say("I am saving for a car"), "structured_input")
    await recording.stream(add_form_answers(recording.thread_id, form["id"], {}))
    recording.save("goal")


async def page(client: ChatKitClient) -> None:
    recording = Recording(client)
    await recording.say("Open my budgets")
    await recording.stream(add_tool_output(recording.thread_id, {"opened": "budgets"}))
    recording.save("page")


async def files(client: ChatKitClient) -> None:
    recording = Recording(client)
    image = await client.upload("receipt.png", "image/png", PNG)
    await recording.say("What is in this file?", image["id"])
    await recording.say("Draw a picture of my boat")
    recording.save("files")


async def trouble(client: ChatKitClient) -> None:
    recording = Recording(client)
    for text in ("simulate error 429", "simulate error 400", "simulate cut 3", "simulate incomplete"):
        await recording.say(text)
    recording.save("trouble")


async def main() -> None:
    async with running_stack(print) as stack:
        for record in (
            words,
            analysis,
            budget,
            goal,
            page,
            files,
            trouble,
        ):  # one user each, because turns per minute are limited
            user = f"{record.__name__}@example.com"
            create_user(stack.aws, user, PASSWORD)
            async with ChatKitClient(stack.url, sign_in(stack.aws, user, PASSWORD).access_token) as client:
                await record(client)


if __name__ == "__main__":
    asyncio.run(main())
