"""`make dev`: the local stack, its page, and the assistant's errors, until Ctrl-C or the end of the terminal.

    await Dev(console, Ports(site=5173, api=8787)).run()
    DevStack.running()                  # its addresses, for commands in other terminals

The assistant's process starts at once, so that an error of its file is shown without a request. When a file changes,
idle processes are replaced and busy ones finish their turn. One run per folder keeps its conversations in `.local/`;
a second one at the same time has a store of its own, which ends with it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TextIO

import httpx
from rich.console import Console

from tools import ROOT
from tools.app.folder import PACKAGE, App
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local import ports
from tools.local.failures import Failures
from tools.local.function.changes import Changes
from tools.local.function.errors import FunctionError
from tools.local.own_records import put_records
from tools.local.site.frontend import Site, running_site, site_origin
from tools.local.stack import STATE, Stack, make_private, running_stack

API_PORT = 8787  # of the Function URL
SITE_PORT = 5173  # the template's SiteOrigin, and Vite's
DEV_FILE = STATE / "dev.json"
LOCK_FILE = STATE / "dev.lock"
NOT_RUNNING = "the local stack is not running: start `make dev` in another terminal first"
USER = "demo@example.com"
SHOWN = {"SHOW_ERRORS": "1"}
NEEDS_RESTART = frozenset({"app.toml", "iam.json", "requirements.txt"})
WARM_UP_SECONDS = 90


@dataclass(frozen=True)
class DevStack:
    """Addresses and settings of the stack that `make dev` runs, for commands in other terminals."""

    url: str
    endpoint: str
    client_id: str
    redirect_uri: str
    site: str = ""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """The variables of the chat function by name."""

    @classmethod
    def running(cls) -> DevStack:
        """Return the running stack, or exit with a message if none is running."""
        if found := cls.found():
            return found
        sys.exit(NOT_RUNNING)

    @classmethod
    def found(cls) -> DevStack | None:
        """Return the running stack, or None. A file that a killed run left behind does not count."""
        lock = Lock.take()
        if lock is not None:
            lock.release()
            return None
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(DEV_FILE.read_text()))
        return None

    def token(self) -> str:
        """Return a fresh access token of the demo user."""
        return sign_in(self, USER, PASSWORD).access_token


class Lock:
    """The right to use `.local/`, which the system takes back from a process that ends in any way."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    def take(cls) -> Lock | None:
        """Return the lock, or None if another process has it."""
        if not LOCK_FILE.parent.exists():
            make_private(LOCK_FILE.parent)
        file = LOCK_FILE.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return cls(file)

    def release(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class Ports:
    """The ports of a run."""

    site: int
    api: int

    @classmethod
    def of(cls, site: int | None, api: int | None) -> Ports:
        """Return the wanted ports, or free ones near the usual. Raises PortError for a wanted one that is in use."""
        return cls(
            ports.require(site, "PORT") if site else ports.choose(SITE_PORT),
            ports.require(api, "API_PORT") if api else ports.choose(API_PORT),
        )


class Dev:
    """One run of `make dev`."""

    def __init__(self, console: Console, chosen: Ports, hot: str | None = None) -> None:
        self._console = console
        self._ports = chosen
        self._hot = hot
        self._failures = Failures(self._print)
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP. Raises DeploymentError or AppError for settings that cannot work."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stopped.set)
        async with AsyncExitStack() as parts:
            lock = Lock.take()
            if lock is None:
                self._print(
                    "[yellow]! make dev also runs elsewhere in this folder: these conversations are not kept[/yellow]"
                )
            else:
                parts.callback(lock.release)
                DEV_FILE.unlink(missing_ok=True)  # of a run that was killed
            stack = await parts.enter_async_context(self._stack(kept=lock is not None))
            await asyncio.to_thread(create_user, stack.aws, USER, PASSWORD)
            if new := await asyncio.to_thread(put_records, stack.aws, App.read(), USER):
                self._report(f"app/local.json: {new} records stored for {USER}")
            if lock is not None:
                parts.callback(DEV_FILE.unlink, missing_ok=True)
                DEV_FILE.write_text(json.dumps(asdict(self._here(stack))))
            await parts.enter_async_context(self._page(stack))
            reloading = asyncio.create_task(self._reload(stack))
            await self._stopped.wait()
            self._print("stopping")
            reloading.cancel()
            await asyncio.wait({reloading})

    def _stack(self, kept: bool) -> AbstractAsyncContextManager[Stack]:
        log = STATE / ("function.log" if kept else f"function-{self._ports.api}.log")
        return running_stack(
            self._report,
            self._ports.api,
            kept,
            log,
            site_origin(self._ports.site),
            App.read(),
            {**SHOWN, **os.environ},
            self._failures.line,
        )

    def _here(self, stack: Stack) -> DevStack:
        settings = {name: stack.settings.of(name).value for name in stack.settings.variables}
        aws = stack.aws
        return DevStack(
            stack.url, aws.endpoint, aws.client_id, aws.redirect_uri, site_origin(self._ports.site), settings
        )

    @asynccontextmanager
    async def _page(self, stack: Stack) -> AsyncGenerator[None]:
        for line in stack.settings.lines():
            self._report(line)
        for warning in stack.settings.warnings:
            self._print(f"[yellow]! {warning}[/yellow]")
        async with _frontend(stack, self._ports.site, self._hot) as site:
            self._report(f"sign-in page on {site.sign_in_url}, edge on {site.url}")
            yield

    async def _reload(self, stack: Stack) -> None:
        """Start the assistant's process, and again after each change of a file."""
        folders = [path for path in stack.function.code if path.resolve() != ROOT]
        changes = Changes(folders, everything=[ROOT / PACKAGE])
        starting = asyncio.create_task(self._start(stack, first=True))
        try:
            async for changed in changes.batches():
                names = sorted(str(path.relative_to(ROOT)) for path in changed)
                if {path.name for path in changed} & NEEDS_RESTART:
                    self._print(f"[yellow]! {names[0]} changed: restart make dev[/yellow]")
                    continue
                self._report(f"{', '.join(names[:3])} changed: reloading")
                starting.cancel()
                await asyncio.wait({starting})
                starting = asyncio.create_task(self._start(stack))
        finally:
            starting.cancel()
            await asyncio.wait({starting})

    async def _start(self, stack: Stack, first: bool = False) -> None:
        try:
            await stack.function.reload()
        except FunctionError as error:
            await asyncio.sleep(0.2)  # the rest of its output
            self._failures.start(error)
            self._print("[bold]Correct the file and save it: make dev starts the assistant again. Ctrl-C stops.[/bold]")
            return
        if first:
            self._print(how_to(stack.url, site_origin(self._ports.site)))
        else:
            self._print(f"[green]✓ the assistant is ready[/green]  {site_origin(self._ports.site)}")
        with suppress(httpx.HTTPError):  # loads the model's dependencies, so that their errors are shown now
            async with httpx.AsyncClient(timeout=WARM_UP_SECONDS) as http:
                await http.get(f"{stack.url}/chatkit/composer", headers={"x-auth-token": await self._token(stack)})

    async def _token(self, stack: Stack) -> str:
        return await asyncio.to_thread(self._here(stack).token)

    def _report(self, text: str) -> None:
        if not text.startswith("  "):
            with suppress(OSError):  # the terminal was closed
                self._console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    def _print(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(text, highlight=False, soft_wrap=True)


@asynccontextmanager
async def _frontend(stack: Stack, port: int, hot: str | None) -> AsyncGenerator[Site]:
    """Serve the built frontend on `port`, or start Vite there with the command `hot` and the edge behind it."""
    if not hot:
        async with running_site(stack, port, (USER, PASSWORD)) as site:
            yield site
        return
    async with running_site(stack, port, (USER, PASSWORD), edge_port=0) as site:
        environment = {**os.environ, "EDGE_URL": site.url.replace("localhost", "127.0.0.1"), "PORT": str(port)}
        vite = await asyncio.create_subprocess_shell(hot, env=environment)
        try:
            yield site
        finally:
            if vite.returncode is None:
                vite.terminate()
            await vite.wait()


def how_to(url: str, site: str) -> str:
    """Return the last lines of a start. No line of a command has more than 60 columns, and JSON may have line ends."""
    return f"""
The API alone, without the edge:

  curl {url}/chatkit
  curl -N {url}/chatkit \\
    -H "x-auth-token: $(make -s token)" \\
    -H 'content-type: application/json' -d '{{
    "type": "threads.create", "params": {{"input": {{
    "content": \\[{{"type": "input_text", "text": "Hello"}}],
    "attachments": \\[], "inference_options": {{}}}}}}}}'

`make chat` chats in another terminal, `make reset` deletes the
conversations, Ctrl-C stops everything.

[bold]Open {site}[/bold]
and sign in as {USER}, password {PASSWORD} (filled in)."""


def reset() -> str:
    """Delete the conversations, files and users of `make dev`, and return a line about it. Exits while it runs."""
    lock = Lock.take()
    if lock is None:
        sys.exit("make dev runs in this folder: stop it with Ctrl-C, then repeat make reset")
    for path in (STATE / "aws", *STATE.glob("function*.log")):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    lock.release()
    return "the local conversations, files and users are deleted"
