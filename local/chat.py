"""`make chat`: a conversation in the terminal with the stack that `make dev` runs.

/new            begin another conversation          /threads     the conversations there are
/open NUMBER    go on with one of them              /file PATH   attach a file to the next message
"""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

import httpx
from rich.console import Console

from local.chatkit_client import ChatKitClient, Event, RefusedError, add_message, create_thread, get_thread

HELP = "/new · /threads · /open NUMBER · /file PATH · /quit"


class Chat:
    """One user at one terminal."""

    def __init__(self, client: ChatKitClient, console: Console) -> None:
        self._client = client
        self._console = console
        self._thread_id: str | None = None
        self._threads = list[str]()
        self._files = list[str]()

    async def run(self) -> None:
        """Read lines until /quit or the end of the input."""
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
        thread = await self._client.call(get_thread(thread_id))
        for item in thread["items"]["data"]:
            text = " ".join(part["text"] for part in item.get("content", []) if "text" in part)
            if text:
                self._console.print(f"[dim]{'you' if item['type'] == 'user_message' else 'coach'} ›[/dim] {text}")
        self._thread_id = thread_id

    async def _attach(self, path: str) -> None:
        name, content = await asyncio.to_thread(_read, path)
        mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        attachment = await self._client.upload(name, mime_type, content)
        self._files.append(attachment["id"])
        self._console.print(f"[dim]{name} goes with your next message[/dim]")

    async def _say(self, text: str) -> None:
        files, self._files = tuple(self._files), []
        request = add_message(self._thread_id, text, files) if self._thread_id else create_thread(text, files)
        self._console.print("[bold cyan]coach ›[/bold cyan] ", end="")
        async for received in self._client.stream(request):
            self._show(received.event, received.delta)
        self._console.print()

    def _show(self, event: Event, delta: str) -> None:
        match event["type"]:
            case "thread.created":
                self._thread_id = event["thread"]["id"]
            case "progress_update":
                self._console.print(f"[dim]{event['text']}[/dim]")
            case "error":
                retry = " You can try again." if event.get("allow_retry") else ""
                self._console.print(f"[red]{event.get('message', 'The answer failed.')}{retry}[/red]", highlight=False)
            case _:
                self._console.print(delta, end="", markup=False, highlight=False)


def _read(path: str) -> tuple[str, bytes]:
    file = Path(path).expanduser()
    return file.name, file.read_bytes()
