"""A running deployment on one machine: AWS, the model, and the function behind its URL.

    async with running_stack(report) as stack:
        stack.url                          # POST {url}/chatkit
        await stack.new_process()          # the next request starts a new process

`report(text)` receives one line for each step.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from tools import ROOT
from tools.app.folder import App
from tools.local.aws import LocalStack, deploy
from tools.local.function.stream_poller import StreamPoller
from tools.local.function.url import FunctionUrl, LocalFunction
from tools.local.ministack import MiniStack
from tools.local.openai.server import API_KEY, ModelServer
from tools.local.real_services import real_services
from tools.local.settings import KEY, LocalSettings
from tools.stack.clients import REGION
from tools.stack.template import filter_patterns, read_template
from tools.workspace import source

STATE = ROOT / ".local"
STORED_KEY = re.compile(r"sk-(?!local-model)[A-Za-z0-9_-]{8,}")
STORED_SECRET = re.compile(r'("SecretString": *)"(?:[^"\\]|\\.)*"')

Report = Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """The parts of one running stack; `model` is None when the stack uses OpenAI."""

    server: MiniStack
    aws: LocalStack
    function: LocalFunction
    url: str
    model: ModelServer | None
    log: Path
    settings: LocalSettings

    async def new_process(self) -> None:
        """Stop the function's processes, so that the next request starts a new one."""
        await self.function.stop_processes()

    async def idle(self) -> None:
        """Wait until the function has no work left, including background work after responses."""
        await self.function.idle()

    @asynccontextmanager
    async def sibling(self, timeout_seconds: int, **environment: str) -> AsyncGenerator[str]:
        """Run a second function with the same code and another timeout and settings; yield its URL."""
        function = _chat_function(self.aws, self.model, _appending(self.log), timeout_seconds, environment)
        async with FunctionUrl(function) as front:
            yield front.url


@asynccontextmanager
async def running_stack(
    report: Report,
    port: int = 0,
    keep: bool = False,
    log: Path | None = None,
    site_origin: str | None = None,
    app: App | None = None,
    shell: Mapping[str, str] | None = None,
    follow: Callable[[str], None] | None = None,
) -> AsyncGenerator[Stack]:
    """Start AWS, the model and the function; stop them in reverse order.

    `port` is the Function URL's (0: a free one). With `keep`, tables and files outlive the run in `.local/`.
    `site_origin` is the origin of a frontend (`tools.local.site.frontend`); None keeps the template's default.
    `app` is the adopter's folder: its settings, variables, rights and code. `shell` has variables with precedence over
    them; without it, only OPENAI_API_KEY is taken from this process's environment. `follow` gets the log's lines.
    Raises DeploymentError or AppError for a setting that cannot work.
    """
    template = read_template()
    key = {name: value for name, value in os.environ.items() if name == KEY}
    settings = LocalSettings.read(template, key if shell is None else shell, app, site_origin)
    log = log or STATE / "function.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    make_private(STATE)
    if keep:
        scrub_secrets(STATE / "aws" / "state")
    async with AsyncExitStack() as parts:
        aws_server = parts.enter_context(MiniStack.start(state_dir=STATE / "aws" if keep else None))
        report(f"local AWS on {aws_server.endpoint}")
        # A real key never enters the local AWS.
        aws = deploy(aws_server, settings.parameters, openai_api_key=API_KEY, app=app)
        report(f"template.yaml deployed: table {aws.table}, bucket {aws.bucket}, user pool {aws.user_pool_id}")
        for setting in aws.settings_read_back:
            report(f"  {setting.name}: {setting.found}")
        model = parts.enter_context(ModelServer.start()) if settings.uses_local_model else None
        endpoint = settings.of("OPENAI_BASE_URL").value
        report(f"model: {f'the local one, {model.url}' if model else endpoint}")
        own = {**settings.environment, **(app.from_shell(os.environ if shell is None else shell) if app else {})}
        if app and app.real:
            own |= await parts.enter_async_context(real_services(app.real, aws.chat_credentials.access_key))
            report(f"real AWS services, with your credentials: {', '.join(app.real)}")
        function = _chat_function(aws, model, _appending(log, follow), aws.chat_timeout_seconds, own)
        function.code = [*function.code, *([app.folder.parent] if app else [])]
        front = await parts.enter_async_context(FunctionUrl(function, port=port))
        report(f"Function URL on {front.url}")
        await parts.enter_async_context(_running_janitor(aws_server, aws, log))
        report("janitor connected to the table's stream")
        yield Stack(aws_server, aws, function, front.url, model, log, settings)


def _appending(log: Path, follow: Callable[[str], None] | None = None) -> Callable[[str], None]:
    """Return a function that appends a line to a file and passes it on."""

    def write(line: str) -> None:
        with log.open("a") as file:
            file.write(line + "\n")
        if follow is not None:
            follow(line)

    return write


def make_private(folder: Path) -> None:
    """Create a folder that only its owner can read, or take the rights of others away from an existing one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink() and (mode := path.stat().st_mode) & 0o077:
            path.chmod(mode & 0o700)


def scrub_secrets(state: Path) -> None:
    """Replace OpenAI keys that earlier versions of this program stored in MiniStack's state, in every version."""
    for path in state.glob("*.json"):
        text = path.read_text()
        clean = STORED_KEY.sub(API_KEY, text)
        if path.name == "secretsmanager.json":
            clean = STORED_SECRET.sub(lambda found: found[1] + json.dumps(API_KEY), clean)
        if clean != text:
            path.write_text(clean)


def _chat_function(
    aws: LocalStack,
    model: ModelServer | None,
    log: Callable[[str], None],
    timeout_seconds: int,
    environment: Mapping[str, str],
) -> LocalFunction:
    return LocalFunction(
        handler="chat_api.handler.handler",
        code=[source(name) for name in ("chat_api", "function_setup", "store_dynamo", "attachments_s3")],
        layer=ROOT / "layers" / "streaming",
        environment={
            **aws.chat_environment,
            **aws.chat_credentials.environment(),
            "AWS_REGION": REGION,
            **({"OPENAI_BASE_URL": model.url} if model else {}),
            "RESERVED_CONCURRENCY": aws.chat_environment["RESERVED_CONCURRENCY"] or str(LocalFunction.max_processes),
            **environment,
        },
        timeout_seconds=timeout_seconds,
        memory_mb=aws.chat_memory_mb,
        log=log,
    )


def janitor_function(aws: LocalStack, log: Path, **environment: str) -> LocalFunction:
    """Return the janitor with settings that replace those of the template."""
    return LocalFunction(
        handler="janitor.handler.handler",
        code=[source(name) for name in ("janitor", "function_setup", "store_dynamo", "attachments_s3")],
        environment={**aws.janitor_environment, **aws.janitor_credentials.environment(), **environment},
        name="janitor",
        max_processes=1,
        log=log,
    )


@asynccontextmanager
async def _running_janitor(server: MiniStack, aws: LocalStack, log: Path) -> AsyncGenerator[None]:
    function = janitor_function(aws, log)
    with closing(server.client("dynamodbstreams")) as client:  # root key: Lambda polls, not the function's role
        filters = filter_patterns(read_template(), "JanitorFunction")
        poller = asyncio.create_task(StreamPoller(client, aws.stream_arn, function.invoke, filters).run())
        try:
            yield
        finally:
            poller.cancel()
            await asyncio.wait({poller})
            await function.stop_processes()
