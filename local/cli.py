"""The commands of the local stack: `python -m local.cli demo|dev|chat|token` (see the Makefile)."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass

from rich.console import Console

from local.chat import Chat
from local.chatkit_client import ChatKitClient
from local.demo import Demo
from local.sign_in import create_user, sign_in
from local.stack import STATE, running_stack

DEV_PORT = 8787
DEV_FILE = STATE / "dev.json"
PICTURE_COLUMNS = 128
NOT_RUNNING = "nothing is running here: start `make dev` in another terminal first"
USER, PASSWORD = "demo@example.com", "Correct-Horse-7-Battery"


@dataclass(frozen=True)
class DevStack:
    """What other terminals need to know of the stack that `make dev` runs."""

    url: str
    endpoint: str
    client_id: str
    redirect_uri: str

    @classmethod
    def running(cls) -> DevStack:
        """Return the one that runs now; exits with a message when there is none."""
        if not DEV_FILE.exists():
            sys.exit(NOT_RUNNING)
        return cls(**json.loads(DEV_FILE.read_text()))

    def token(self) -> str:
        """Return a fresh access token of the demo user."""
        return sign_in(self, USER, PASSWORD).access_token


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="local.cli", description="The local stack")
    parser.add_argument("command", choices=["demo", "dev", "chat", "token"])
    parser.add_argument("--picture", metavar="FILE.svg", help="draw what `demo` printed")
    arguments = parser.parse_args()
    console = Console(record=arguments.picture is not None, width=PICTURE_COLUMNS if arguments.picture else None)
    match arguments.command:
        case "demo":
            done = asyncio.run(Demo(console).run())
            if arguments.picture:
                console.save_svg(arguments.picture, title="make demo")
            return 0 if done else 1
        case "dev":
            asyncio.run(_dev(console))
        case "chat":
            asyncio.run(_chat(console))
        case _:
            print(DevStack.running().token())
    return 0


async def _dev(console: Console) -> None:
    async with running_stack(
        lambda text: console.print(f"[dim]{text}[/dim]", highlight=False), DEV_PORT, True
    ) as stack:
        create_user(stack.aws, USER, PASSWORD)
        here = DevStack(stack.url, stack.aws.endpoint, stack.aws.client_id, stack.aws.redirect_uri)
        DEV_FILE.write_text(json.dumps(asdict(here)))
        console.print(_how_to(stack.url), highlight=False)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        console.print("stopping")
    DEV_FILE.unlink(missing_ok=True)


def _how_to(url: str) -> str:
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
[bold]The stack is up:[/bold] {url}/chatkit

  curl {url}/chatkit
  curl -N {url}/chatkit -H "x-auth-token: $(make -s token)" \\
       -H 'content-type: application/json' -d '{request.replace("[", chr(92) + "[")}'

or [bold]make chat[/bold] in another terminal. Ctrl-C stops everything; conversations stay in .local/ (`make clean`).
"""


async def _chat(console: Console) -> None:
    stack = DevStack.running()
    async with ChatKitClient(stack.url, stack.token()) as client:
        await Chat(client, console).run()


if __name__ == "__main__":
    sys.exit(main())
