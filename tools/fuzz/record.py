"""Record one request of each kind from a conversation with the local stack: `python -m tools.fuzz.record`."""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from rich.console import Console

from tools.client.chatkit import ChatKitClient, Event, act, add_message, create_thread
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.fuzz.belongings import BOUNDARY, multipart
from tools.fuzz.recorded import Recorded
from tools.local.chat.rendering import decisions_of
from tools.local.demo.answer import ask_well
from tools.local.demo.features import Features
from tools.local.files import PNG
from tools.local.stack import running_stack

GETS = (
    "/chatkit",
    "/chatkit/attachments",
    "/chatkit/composer",
    "/chatkit/overview",
    "/chatkit/entities?q=groc",
    "/chatkit/search?q=elephants",
    "/chatkit/allowances",
)
POSTS: dict[str, Event] = {
    "/chatkit/overview": {"type": "budget.set", "category": "dining", "cents": 40_000},
    "/chatkit/reports": {"kind": "error", "name": "ChatKitError", "fingerprint": "0123abcd"},
}
KEPT_HEADERS = ("accept", "content-type", "x-turn-id")
IDS = {"thread_id": "thread", "item_id": "card", "item_ids": "answer", "attachments": "file", "attachment_id": "file"}
"""The user's id for each field, except for the requests in IDS_OF."""
IDS_OF = {
    "items.list": {"after": "answer"},
    "threads.list": {"after": "card_thread"},
    "threads.retry_after_item": {"item_id": "message"},
    "threads.add_structured_input": {"thread_id": "form_thread", "item_id": "form"},
    "threads.add_client_tool_output": {"thread_id": "tool_thread"},
    "threads.custom_action": {"thread_id": "card_thread"},
    "threads.sync_custom_action": {"thread_id": "card_thread"},
}
APPROVAL = {"thread_id": "asked_thread", "item_id": "asked_card", "id": "asked", "digest": "asked_digest"}


class Recorder(ChatKitClient):
    """A client that records its requests, the last one of each kind."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.kept: dict[str, Recorded] = {}
        self._http.event_hooks["request"].append(self._keep)

    async def _keep(self, request: httpx.Request) -> None:
        address = urlsplit(str(request.url))
        turn = "~own.tool_turn~" if "/tools/" in address.path else "~own.turn~"
        target = re.sub(r"atc_\w+", "~own.sent_file~", re.sub(r"/tc_\w+", "/~own.call~", address.path))
        target = re.sub(r"apr_\w+", "~own.allowance~", re.sub(r"turn_\w+", turn, target))
        target += f"?{address.query}" if address.query else ""
        headers = {name: value for name, value in request.headers.items() if name in KEPT_HEADERS}
        headers |= {"x-turn-id": "~new.turn~"} if "x-turn-id" in headers else {}
        content = request.read()
        if headers.get("content-type") == "application/json" and content:
            body = httpx.Response(200, content=content).json()
            name = _kind_of(body) if address.path == "/chatkit" else f"POST{address.path.replace('/', '_')}"
            found = Recorded(name, request.method, target, tuple(headers.items()), _placed(body, name))
        else:
            path = re.sub(r"(turn|atc|tc|apr)_\w+", r"\1", address.path)
            path = path.replace("/atc", "/file").replace("/tc", "/call").replace("/apr", "/allowance")
            name = f"{request.method}{path.replace('/', '_')}"
            found = Recorded(name, request.method, target, tuple(headers.items()), None, content)
        self.kept[name] = found

    async def other_routes(self) -> None:
        token = {"x-auth-token": self._headers["x-auth-token"]}
        form = {**token, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        for path in GETS:
            await self._http.get(path, headers=token)
        await self._http.post("/chatkit/attachments", content=multipart("receipt.png", "image/png", PNG), headers=form)
        await self._http.post("/chatkit/session", headers=token)
        for path, body in POSTS.items():
            await self._http.post(path, json=body, headers=token)

    async def open(self, attachment_id: str) -> None:
        await self._http.get(
            f"/chatkit/attachments/{attachment_id}", headers={"x-auth-token": self._headers["x-auth-token"]}
        )

    async def sign_out(self) -> None:
        await self._http.post("/chatkit/sign-out", headers={"x-auth-token": self._headers["x-auth-token"]})


def _kind_of(body: Event) -> str:
    """Return the type of a request; the actions of approvals are kinds of their own."""
    action = str(body["params"].get("action", {}).get("type", ""))
    return f"{body['type']}.{action}" if action.startswith("approval.") else str(body["type"])


def _placed(value: Any, kind: str) -> Any:
    names = IDS | (APPROVAL if ".approval." in kind else IDS_OF.get(kind, {}))
    if isinstance(value, list):
        return [_placed(each, kind) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    placed: Event = {}
    for key, each in cast("Event", value).items():
        if key in names and isinstance(each, str):
            placed[key] = f"~own.{names[key]}~"
        elif key in names and isinstance(each, list):
            placed[key] = [f"~own.{names[key]}~" for _ in cast("list[Any]", each)]
        else:
            placed[key] = _placed(each, kind)
    return placed


async def converse(client: Recorder) -> None:
    """Send one request of each kind."""
    file = await client.upload("receipt.png", "image/png", PNG)
    answer = await ask_well(client, create_thread("What is in this file?", (file["id"],)))
    thread = answer.thread_id
    other = (await ask_well(client, create_thread("hello"))).thread_id
    features = Features(client, thread)
    for step in (features.budget, features.form, features.client_tool, features.dictation):
        await step()
    call = client.call
    page = await call({"type": "items.list", "params": {"thread_id": thread, "limit": 20, "order": "desc"}})
    items = page["data"]
    card = next(item for item in items if item["type"] == "widget")
    await decide(client)
    message = next(item for item in items if item["type"] == "user_message")
    action = {"type": "budget.edit", "payload": {"category": "dining"}}
    await call(
        {
            "type": "threads.sync_custom_action",
            "params": {"thread_id": thread, "item_id": card["id"], "action": action},
        }
    )
    file = await client.upload("dinner.png", "image/png", PNG)
    await ask_well(client, add_message(thread, "And what did I spend on dining?", (file["id"],)))
    retry = {"thread_id": thread, "item_id": message["id"]}
    await ask_well(client, {"type": "threads.retry_after_item", "params": retry})
    await client.open(file["id"])
    found = await call({"type": "threads.get_by_id", "params": {"thread_id": thread}})
    reply = next(item for item in found["items"]["data"] if item["type"] == "assistant_message")
    await call({"type": "threads.list", "params": {"limit": 9999, "order": "desc", "after": other}})
    await call({"type": "threads.update", "params": {"thread_id": thread, "title": "Groceries and a boat"}})
    older = {"thread_id": thread, "limit": 20, "order": "desc", "after": message["id"]}
    await call({"type": "items.list", "params": older})
    feedback = {"thread_id": thread, "item_ids": [reply["id"]], "kind": "positive"}
    await call({"type": "items.feedback", "params": feedback})
    unsent = await client.register("statement.pdf", "application/pdf", 2000)
    await call({"type": "attachments.delete", "params": {"attachment_id": unsent["id"]}})
    await client.other_routes()
    turn = "turn_0123456789"
    file = await client.upload("receipt.png", "image/png", PNG)
    async for _ in client.stream(_full_message(create_thread("How much did I spend on", (file["id"],))), turn):
        pass
    await client.turn_events(turn, 0)
    turn = "turn_9876543210"
    async for received in client.stream(create_thread("Open my budgets"), turn):
        if (item := received.event.get("item", {})).get("type") == "client_tool_call":
            await client.win(turn, item["id"])
    await client.cancel(turn)
    await call({"type": "threads.delete", "params": {"thread_id": other}})
    await client.sign_out()  # the last request: it ends the session


async def decide(client: Recorder) -> None:
    """Send one action of each kind of an approval's card, and revoke what is always allowed."""
    for last in ("approval.approve", "approval.deny", "approval.always"):
        asked = await ask_well(client, create_thread("Move $20 to savings"))
        card = asked.item("widget")
        payload = decisions_of(card["widget"])[last]["payload"]
        for kind in ("approval.details", "approval.check", last):
            more = {"reason": "not this month"} if kind == "approval.deny" else {}
            await ask_well(client, act(asked.thread_id, card["id"], kind, payload | more))
    for allowance in await client.allowances():
        await client.revoke(allowance["id"])


def _full_message(request: Event) -> Event:
    """Return the request with all optional parts of a message."""
    message = request["params"]["input"]
    tag = {"type": "input_tag", "id": "groceries", "text": "@Groceries", "data": {"kind": "category"}}
    message["content"].append({**tag, "group": "Categories", "interactive": True})
    message["quoted_text"] = "You spent less on groceries last month."
    message["inference_options"] = {"tool_choice": {"id": "analyze_spending"}, "model": "gpt-6.1-terra"}
    return request


async def main() -> None:
    console = Console()
    async with running_stack(lambda line: console.print(line)) as stack:
        create_user(stack.aws, "ana@example.com", PASSWORD)
        token = sign_in(stack.aws, "ana@example.com", PASSWORD).access_token
        async with Recorder(stack.url, token) as client:
            await converse(client)
    for request in client.kept.values():
        request.save()
    console.print(f"{len(client.kept)} requests recorded")


if __name__ == "__main__":
    asyncio.run(main())
