"""`make chat`: a conversation in the terminal with the stack that `make dev` runs.

/new            start a new conversation            /threads     list the conversations
/open NUMBER    continue one of them                /file PATH   attach a file to the next message
/save VALUE     submit the form that is shown       /press N     press button N of the last card
/yes            approve the call that is shown      /no REASON   deny it; /details shows its exact arguments
Ctrl-C          stop the answer
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import signal
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import httpx
from rich.console import Console

from tools import ROOT
from tools.app.folder import PACKAGE
from tools.client.chatkit import (
    ChatKitClient,
    DeadTurnError,
    Event,
    Received,
    RefusedError,
    act,
    add_form_answers,
    add_message,
    add_tool_output,
    create_thread,
    new_turn_id,
)
from tools.local.chat.answer import AnswerText, Flow
from tools.local.chat.rendering import ask_questions, buttons_of, decisions_of, fields_of, item_text, text_of

HELP = (
    "/new · /threads · /open NUMBER · /file PATH · /save TEXT · /press N · /yes · /always · /no · /allowed · "
    "/revoke NUMBER · /quit · Ctrl-C stops an answer"
)

DECISIONS = {
    "/yes": "approval.approve",
    "/always": "approval.always",
    "/no": "approval.deny",
    "/details": "approval.details",
}


class Chat:
    """A conversation of one user in one terminal."""

    def __init__(self, client: ChatKitClient, console: Console, name: str = "assistant") -> None:
        self._name = name
        self._client = client
        self._console = console
        self._thread_id: str | None = None
        self._threads = list[str]()
        self._files = list[str]()
        self._allowances = list[Event]()
        """The allowances that were listed last."""
        self._card: Event | None = None
        """The form that was shown last."""
        self._pressable: Event | None = None
        """The card with buttons that was shown last."""
        self._text, self._flow = AnswerText(), Flow(console)

    async def run(self) -> None:
        """Handle input lines until /quit or the end of the input."""
        self._console.print(f"[dim]{HELP}[/dim]")
        while True:
            try:
                line = self._console.input("[bold]you ›[/bold] ").strip()
            except (EOFError, KeyboardInterrupt):
                return
            if line == "/quit":
                return
            try:
                await self._handle(line)
            except (RefusedError, httpx.HTTPError, OSError, ValueError) as error:
                self._console.print(f"[red]{error}[/red]", highlight=False)

    async def _handle(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        match command:
            case "":
                return
            case "/new":
                self._thread_id = None
            case "/threads":
                await self._list()
            case "/open":
                await self._open(self._threads[int(argument) - 1])
            case "/file":
                await self._attach(argument)
            case "/save" if self._card and self._thread_id:
                await self._save(self._card, argument, self._thread_id)
            case "/press" if self._pressable and self._thread_id:
                await self._press(self._pressable, int(argument or 1), self._thread_id)
            case "/allowed":
                await self._list_allowances()
            case "/revoke":
                await self._revoke(int(argument))
            case "/yes" | "/always" | "/no" | "/details" if self._pressable and self._thread_id:
                await self._decide(self._pressable, command, argument, self._thread_id)
            case _ if command.startswith("/"):
                self._console.print(f"[dim]{HELP}[/dim]")
            case _:
                await self._say(line)

    async def _list(self) -> None:
        page = await self._client.call({"type": "threads.list", "params": {"limit": 20}})
        self._threads = [thread["id"] for thread in page["data"]]
        for number, thread in enumerate(page["data"], 1):
            self._console.print(f"  {number} · {thread['created_at'][:16]} · {thread.get('title') or thread['id']}")

    async def _open(self, thread_id: str) -> None:
        """Show a conversation and its running answer."""
        opened = await self._client.thread(thread_id)
        for item in opened.thread["items"]["data"]:
            text = " ".join(part["text"] for part in item.get("content", []) if "text" in part)
            if text:
                self._console.print(f"[dim]{'you' if item['type'] == 'user_message' else self._name} ›[/dim] {text}")
            self._note(item_text(item))
            self._remember(item)
        self._thread_id = thread_id
        if opened.interrupted:
            self._note("[the last answer was interrupted]")
        if opened.running:
            await self._show_turn(opened.running, self._client.follow(opened.running))

    async def _attach(self, path: str) -> None:
        name, content = await asyncio.to_thread(_read, path)
        mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        attachment = await self._client.upload(name, mime_type, content)
        self._files.append(attachment["id"])
        self._console.print(f"[dim]{name} will be attached to your next message[/dim]")

    async def _say(self, text: str) -> None:
        files, self._files = tuple(self._files), []
        request = add_message(self._thread_id, text, files) if self._thread_id else create_thread(text, files)
        await self._turn(request)

    async def _save(self, card: Event, value: str, thread_id: str) -> None:
        action, fields = card["widget"]["confirm"]["action"], fields_of(card["widget"])
        payload = {**action["payload"], **{field["name"]: value for field in fields}}
        await self._turn(act(thread_id, card["id"], action["type"], payload))

    async def _press(self, card: Event, number: int, thread_id: str) -> None:
        buttons = buttons_of(card["widget"])
        if not 0 < number <= len(buttons):
            raise ValueError(f"the card has buttons 1 to {len(buttons)}")
        action = buttons[number - 1].action
        if action.get("handler") == "client":
            self._note(f"[the page handles {action['type']}]")
            return
        await self._turn(act(thread_id, card["id"], action["type"], action.get("payload")))

    async def _decide(self, card: Event, command: str, reason: str, thread_id: str) -> None:
        """Decide the call that the card asks for."""
        kind = DECISIONS[command]
        if (action := decisions_of(card["widget"]).get(kind)) is None:
            waiting = decisions_of(card["widget"])
            raise ValueError("this cannot always be allowed" if waiting else "nothing waits for your approval")
        payload = action["payload"] | ({"reason": reason} if command == "/no" and reason else {})
        await self._turn(act(thread_id, card["id"], kind, payload))

    async def _list_allowances(self) -> None:
        """Show what the user always allows, by the numbers of /revoke."""
        self._allowances = await self._client.allowances()
        for number, allowance in enumerate(self._allowances, 1):
            self._note(f"  {number} · {allowance['words']} · since {allowance['granted_at'][:16]}")
        if not self._allowances:
            self._note("[nothing is always allowed]")

    async def _revoke(self, number: int) -> None:
        if not 0 < number <= len(self._allowances):
            raise ValueError("/allowed shows the numbers that /revoke takes")
        allowance = self._allowances.pop(number - 1)
        await self._client.revoke(allowance["id"])
        self._note(f"[asks again: {allowance['words']}]")

    async def _turn(self, request: Event) -> None:
        """Send a request after the running answer of its conversation, if there is one, and show the answer."""
        turn_id = new_turn_id()
        try:
            await self._show_turn(turn_id, self._client.answer(request, turn_id))
        except RefusedError as error:
            if error.turn_id is None:
                raise
            self._note("[another window's answer comes first]")
            await self._show_turn(error.turn_id, self._client.follow(error.turn_id))
            turn_id = new_turn_id()
            await self._show_turn(turn_id, self._client.answer(request, turn_id))

    async def _show_turn(self, turn_id: str, events: AsyncGenerator[Received]) -> None:
        """Show one answer. If it waits for a client tool or a form, answer that and continue."""
        self._console.print(f"[bold cyan]{self._name} ›[/bold cyan] ", end="")
        self._text, self._flow = AnswerText(), Flow(self._console, len(self._name) + 3)
        waiting = await self._read(turn_id, events)
        self._flow.end()
        self._console.print()
        if waiting is None or self._thread_id is None:
            return
        if waiting["type"] != "client_tool_call":
            answers = ask_questions(waiting, self._console.input)
            await self._turn(add_form_answers(self._thread_id, waiting["id"], answers))
        elif await self._client.win(turn_id, waiting["id"]):
            await self._turn(add_tool_output(self._thread_id, {"done": waiting["name"], **waiting["arguments"]}))
        else:
            self._note(f"[another window runs {waiting['name']}]")

    async def _read(self, turn_id: str, events: AsyncGenerator[Received]) -> Event | None:
        """Show the events as they arrive; return the item that waits for this client, if any."""
        waiting, title = None, None
        cancels = set[asyncio.Task[None]]()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: cancels.add(asyncio.create_task(self._client.cancel(turn_id))))
        try:
            async for received in events:
                item = received.event.get("item", {})
                if item.get("status") == "pending":
                    waiting = item
                if received.event["type"] == "thread.updated":
                    title = received.event  # can arrive between two words, so it is shown after the answer
                else:
                    self._show(received.event)
            if title:
                self._show(title)
        except DeadTurnError:
            self._note("[the answer was interrupted: open the conversation again to see what was saved]")
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            await asyncio.gather(*cancels)
        return waiting

    def _show(self, event: Event) -> None:
        if event["type"] == "thread.created":
            self._thread_id = event["thread"]["id"]
        if event["type"] in ("thread.item.done", "thread.item.replaced"):
            self._remember(event["item"])
        self._flow.write(self._text.of(event))
        self._note(text_of(event))

    def _remember(self, item: Event) -> None:
        """Keep a card whose form can be saved or whose buttons can be pressed."""
        widget: Event = item.get("widget") or {}
        if widget.get("confirm"):
            self._card = item
        if buttons_of(widget):
            self._pressable = item

    def _note(self, text: str) -> None:
        if text:
            self._flow.end()
            self._console.print(f"\n{text}", style="dim", markup=False, highlight=False, soft_wrap=True)


def name_of(factory: str) -> str:
    """Return the name of an assistant: the page's in app/brand.json, else that of its module."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if factory.startswith(f"{PACKAGE}."):
            return str(json.loads((ROOT / PACKAGE / "brand.json").read_text())["name"])
    parts = [part for part in factory.partition(":")[0].split(".") if part not in ("", "assistant", "agent", PACKAGE)]
    return parts[-1] if parts else "assistant"


def _read(path: str) -> tuple[str, bytes]:
    file = Path(path).expanduser()
    return file.name, file.read_bytes()
