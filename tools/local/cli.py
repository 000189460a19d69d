"""Commands of the local stack: `python -m tools.local.cli demo|dev|chat|token|reset` (see the Makefile).

`dev` serves the built frontend at http://localhost:5173 (`--port`). With `--hot`, Vite serves the sources there with
hot reload and forwards all other requests. All commands take the settings of the shell (`tools.local.settings`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from rich.console import Console

from chat_api.settings import Settings
from tools.app.folder import App, AppError
from tools.client.chatkit import ChatKitClient
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.chat.terminal import Chat, name_of
from tools.local.demo.conversation import Demo
from tools.local.dev import NOT_RUNNING, SHOWN, USER, Dev, DevStack, Ports, reset
from tools.local.failures import Failures
from tools.local.ports import PortError
from tools.local.stack import STATE, running_stack
from tools.stack.operator import DeploymentError

PICTURE_COLUMNS = 128


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.local.cli", description="The local stack")
    parser.add_argument("command", choices=["demo", "dev", "chat", "token", "reset"])
    parser.add_argument("--picture", metavar="FILE.svg", help="save the output of `demo` as a picture")
    parser.add_argument("--port", type=int, help="port of the site that `dev` serves, by default 5173 or the next free")
    parser.add_argument("--api-port", type=int, help="port of the API, by default 8787 or the next free one")
    parser.add_argument(
        "--hot", metavar="COMMAND", help="`dev`: start Vite with this command instead of the built site"
    )
    arguments = parser.parse_args()
    os.umask(0o077)  # files in .local
    console = Console(record=arguments.picture is not None, width=PICTURE_COLUMNS if arguments.picture else None)
    try:
        return _run(arguments, console)
    except (AppError, DeploymentError, PortError) as error:
        sys.exit(str(error))


def _run(arguments: argparse.Namespace, console: Console) -> int:
    match arguments.command:
        case "demo":
            done = asyncio.run(Demo(console).run())
            if arguments.picture:
                console.save_svg(arguments.picture, title="make demo")
            return 0 if done else 1
        case "dev":
            asyncio.run(Dev(console, Ports.of(arguments.port, arguments.api_port), arguments.hot).run())
        case "chat":
            asyncio.run(_chat(console))
        case "reset":
            print(reset())
        case _:
            print(DevStack.running().token())
    return 0


async def _chat(console: Console) -> None:
    """Chat with the stack of `make dev`, or with one of its own if the shell has settings that `make dev` has not."""
    wanted = {name: os.environ[name] for each in Settings.model_fields if (name := each.upper()) in os.environ}
    here = DevStack.found()
    if here and all(here.settings.get(name, value) == value for name, value in wanted.items()):
        async with ChatKitClient(here.url, here.token()) as client:
            await Chat(client, console, name_of(here.settings.get("ASSISTANT", ""))).run()
    elif wanted:
        await _own_chat(console)
    else:
        sys.exit(NOT_RUNNING)


async def _own_chat(console: Console) -> None:
    def say(text: str) -> None:
        console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    say("starting a stack for this chat with the settings of your shell; its conversations are not kept")
    failures = Failures(lambda text: console.print(text, highlight=False, soft_wrap=True))
    parts = running_stack(
        lambda _: None,
        log=STATE / "function-chat.log",
        app=App.read(),
        shell={**SHOWN, **os.environ},
        follow=failures.line,
    )
    async with parts as stack:
        for line in (*stack.settings.lines(), *stack.settings.warnings):
            say(line)
        create_user(stack.aws, USER, PASSWORD)
        token = sign_in(stack.aws, USER, PASSWORD).access_token
        async with ChatKitClient(stack.url, token) as client:
            await Chat(client, console, name_of(stack.settings.of("ASSISTANT").value)).run()


if __name__ == "__main__":
    sys.exit(main())
