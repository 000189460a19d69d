"""Commands of the local stack: `python -m tools.local.cli demo|dev|chat|token` (see the Makefile).

`dev` serves the built frontend at http://localhost:5173 (`--port`). With `--hot`, Vite serves the sources there with
hot reload and forwards all other requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from rich.console import Console

from tools.app.folder import App, AppError
from tools.client.chatkit import ChatKitClient
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.chat.terminal import Chat
from tools.local.demo.conversation import Demo
from tools.local.site.frontend import Site, running_site, site_origin
from tools.local.stack import STATE, Stack, running_stack

DEV_PORT = 8787  # of the Function URL
SITE_PORT = 5173  # the template's SiteOrigin, and Vite's
DEV_FILE = STATE / "dev.json"
PICTURE_COLUMNS = 128
NOT_RUNNING = "the local stack is not running: start `make dev` in another terminal first"
USER = "demo@example.com"


@dataclass(frozen=True)
class DevStack:
    """Addresses of the stack that `make dev` runs, for commands in other terminals."""

    url: str
    endpoint: str
    client_id: str
    redirect_uri: str

    @classmethod
    def running(cls) -> DevStack:
        """Return the running stack, or exit with a message if none is running."""
        if not DEV_FILE.exists():
            sys.exit(NOT_RUNNING)
        return cls(**json.loads(DEV_FILE.read_text()))

    def token(self) -> str:
        """Return a fresh access token of the demo user."""
        return sign_in(self, USER, PASSWORD).access_token


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.local.cli", description="The local stack")
    parser.add_argument("command", choices=["demo", "dev", "chat", "token"])
    parser.add_argument("--picture", metavar="FILE.svg", help="save the output of `demo` as a picture")
    parser.add_argument("--port", type=int, default=SITE_PORT, help="port of the site that `dev` serves")
    parser.add_argument(
        "--hot", metavar="COMMAND", help="`dev`: start Vite with this command instead of the built site"
    )
    arguments = parser.parse_args()
    os.umask(0o077)  # files in .local
    console = Console(record=arguments.picture is not None, width=PICTURE_COLUMNS if arguments.picture else None)
    match arguments.command:
        case "demo":
            done = asyncio.run(Demo(console).run())
            if arguments.picture:
                console.save_svg(arguments.picture, title="make demo")
            return 0 if done else 1
        case "dev":
            try:
                asyncio.run(_dev(console, arguments.port, arguments.hot))
            except AppError as error:
                sys.exit(str(error))
        case "chat":
            asyncio.run(_chat(console))
        case _:
            print(DevStack.running().token())
    return 0


async def _dev(console: Console, port: int, hot: str | None) -> None:
    def report(text: str) -> None:
        console.print(f"[dim]{text}[/dim]", highlight=False)

    if not _is_free(port):
        sys.exit(
            f"port {port} is in use: stop the program that listens there, or choose another port: make dev PORT=5180"
        )
    async with running_stack(report, DEV_PORT, True, site_origin=site_origin(port), app=App.read()) as stack:
        create_user(stack.aws, USER, PASSWORD)
        here = DevStack(stack.url, stack.aws.endpoint, stack.aws.client_id, stack.aws.redirect_uri)
        DEV_FILE.write_text(json.dumps(asdict(here)))
        async with _frontend(stack, port, hot) as site:
            console.print(_how_to(stack.url, site_origin(port)), highlight=False)
            report(f"sign-in page on {site.sign_in_url}, edge on {site.url}")
            stopped = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
            await stopped.wait()
            console.print("stopping")
    DEV_FILE.unlink(missing_ok=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


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


def _how_to(url: str, site: str) -> str:
    request = json.dumps(
        {
            "type": "threads.create",
            "params": {
                "input": {
                    "content": [{"type": "input_text", "text": "How much did I spend on groceries?"}],
                    "attachments": [],
                    "inference_options": {},
                }
            },
        }
    )
    return f"""
[bold]The stack is running. Open {site}[/bold] and sign in as {USER}, password {PASSWORD} (filled in).

The API alone, without the edge:

  curl {url}/chatkit
  curl -N {url}/chatkit -H "x-auth-token: $(make -s token)" \\
       -H 'content-type: application/json' -d '{request.replace("[", chr(92) + "[")}'

or [bold]make chat[/bold] in another terminal. Ctrl-C stops everything; `make clean` deletes the conversations.
"""


async def _chat(console: Console) -> None:
    stack = DevStack.running()
    async with ChatKitClient(stack.url, stack.token()) as client:
        await Chat(client, console).run()


if __name__ == "__main__":
    sys.exit(main())
