"""Counts the units of turns: the real handler in this process, the template's stack in MiniStack, the local model.

DynamoDB's units are calculated by AWS's rounding rules and compared with the server's, as in the tests of
`docs/understand/data-model.md` (`tools.bench.cost.costs`).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import StringIO
from types import SimpleNamespace
from typing import Any

import botocore.session
import httpx

from tools.bench.cost.bill import Counted
from tools.bench.cost.costs import Costs, as_ministack, size
from tools.client.chatkit import ChatKitClient, Event, add_message, create_thread
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.aws import LocalStack, deploy
from tools.local.files import PNG
from tools.local.ministack import MiniStack
from tools.local.openai.server import API_KEY, ModelServer
from tools.stack.clients import REGION

USER = "ana@example.com"
FILE = PNG.ljust(500_000, b"\0")
WORDS_PER_SECOND = 50
BACKGROUND_SECONDS = 1.0
"""Time in which the turn's last writes end: seat, tokens and lock."""
IDLE_SECONDS, HISTORY_SECONDS = 4.0, 45.0
"""Time between turns, and after those that make the history: a turn of a user who is not idle costs a write more."""
INDEX_BYTES = 100  # DynamoDB's overhead of every stored item and index entry
SHORT_LIVED = ("TURN#", "RATE#", "RUNNING#", "LIVE#")
S3_WRITES = {"PutObject", "CopyObject", "DeleteObject"}


@dataclass(frozen=True)
class Shape:
    """A kind of turn: duration of its answer, and whether it starts a thread or has a file of half a megabyte."""

    name: str
    answer_seconds: float
    first: bool = False
    with_file: bool = False

    @property
    def question(self) -> str:
        return f"simulate prose {int(self.answer_seconds * WORDS_PER_SECOND)}"


SHAPES = (
    Shape("2 s answer", 2),
    Shape("20 s answer", 20),
    Shape("2 s answer, with a file", 2, with_file=True),
    Shape("2 s answer, first of a thread", 2, first=True),
)


class OneTable:
    """The events of all clients of a session, reduced to requests to the conversations' table."""

    def __init__(self, events: Any, table: str) -> None:
        self.meta = SimpleNamespace(events=self)
        self._events = events
        self._table = table

    def register(self, name: str, hook: Callable[..., Any]) -> None:
        def only_this_table(**event: Any) -> None:
            params = event.get("params")
            if (params is None and "cost" in event["context"]) or (params is not None and self._counts(params)):
                hook(**event)

        self._events.register(name, only_this_table)

    def unregister(self, name: str, hook: Callable[..., Any]) -> None:
        """Do nothing: the process ends with the counting."""

    def _counts(self, params: dict[str, Any]) -> bool:
        return not self._is_periodic(params) and f"'{self._table}'" in repr(params)

    @staticmethod
    def _is_periodic(params: dict[str, Any]) -> bool:
        """Return whether a request repeats while an answer lasts.

        These are looks for a cancel request, beats of the lock, and segments of the journal. The bill adds them by the
        second, because the local model answers at once.
        """
        record: dict[str, dict[str, str]] = params.get("Key") or params.get("Item") or {}
        key = record.get("sk", {}).get("S", "")
        if key.startswith("LIVE#"):
            return True
        if key.startswith("RUNNING#"):
            return "UpdateExpression" in params
        return key.startswith("TURN#") and "UpdateExpression" not in params and "Item" not in params


class Count:
    """One count, from its making to `take`."""

    def __init__(self, stack: LocalStack, admin: Any, costs: Costs, s3: Counter[str], log: StringIO) -> None:
        self._stack, self._admin, self._costs, self._s3, self._log = stack, admin, costs, s3, log
        self._costs.take()
        self._s3.clear()
        self._log.truncate(self._log.seek(0))
        self._kept = self._table_bytes()

    def take(self, requests: int, bytes_in: int, bytes_out: int, file_bytes: int) -> Counted:
        cost = self._costs.take()
        return Counted(
            requests=requests,
            dynamodb_reads=cost.read,
            dynamodb_writes=cost.write,
            s3_writes=sum(number for name, number in self._s3.items() if name in S3_WRITES) + bool(file_bytes),
            s3_reads=sum(number for name, number in self._s3.items() if name not in S3_WRITES),
            log_bytes=len(self._log.getvalue().encode()),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            table_bytes=self._table_bytes() - self._kept,
            file_bytes=file_bytes,
        )

    def _table_bytes(self) -> int:
        items: list[Any] = []
        for page in self._admin.get_paginator("scan").paginate(TableName=self._stack.table):
            items += page["Items"]
        lasting = [each for each in items if not each["sk"]["S"].startswith(SHORT_LIVED)]
        return sum((size(each) + INDEX_BYTES) * (2 if "ord" in each else 1) for each in lasting)


class Conversation:
    """One user's thread, with HTTP requests directly to the application."""

    def __init__(self, app: Any, token: str) -> None:
        transport = httpx.ASGITransport(app=app)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://bench", headers={"x-auth-token": token})
        self._files = ChatKitClient("http://bench", token, transport=transport)
        self._thread = ""

    async def turn(self, shape: Shape, count: Callable[[], Count]) -> Counted:
        """Run one turn and return its units. Raises RuntimeError when it fails."""
        counting = count()
        files: tuple[str, ...] = ()
        if shape.with_file:
            files = ((await self._files.upload("receipt.png", "image/png", FILE))["id"],)
        request = (
            create_thread(shape.question, files) if shape.first else add_message(self._thread, shape.question, files)
        )
        sent, received = await self._post(request)
        await asyncio.sleep(BACKGROUND_SECONDS)
        if shape.first:
            self._thread = re.findall(r'"thread":\{[^}]*?"id":"([^"]+)"', received)[0]
        return counting.take(1 + len(files), sent, len(received.encode()), len(FILE) if files else 0)

    async def _post(self, request: Event) -> tuple[int, str]:
        response = await self._http.post("/chatkit", json=request)
        if response.status_code != 200 or '"thread.item.done"' not in response.text or '"error"' in response.text:
            raise RuntimeError(f"a turn failed: {response.status_code} {response.text[-500:]}")
        return len(response.request.content), response.text


def count_turns(progress: Callable[[str], None]) -> dict[str, Counted]:
    """Return the units of a turn of each shape. `progress` receives each step."""
    with MiniStack.start() as server, ModelServer.start(delay_seconds=0) as model:
        progress("deploying template.yaml into the local AWS")
        stack = deploy(server, openai_api_key=API_KEY)
        create_user(stack, USER, PASSWORD)
        os.environ.update(stack.chat_environment)
        os.environ.update(stack.chat_credentials.environment())
        os.environ.update({"AWS_REGION": REGION, "OPENAI_BASE_URL": model.url})
        session = botocore.session.get_session()

        def get_session() -> botocore.session.Session:
            return session

        botocore.session.get_session = get_session  # the handler's clients use this session
        events: Any = session.get_component("event_emitter")  # pyright: ignore[reportUnknownMemberType]
        s3: Counter[str] = Counter()
        events.register("after-call.s3.*", lambda model, **_: s3.update([model.name]))  # pyright: ignore
        admin = server.client("dynamodb")
        table = OneTable(events, stack.table)
        with Costs(table, admin, stack.table, as_ministack) as costs:
            return _counted(stack, admin, costs, s3, progress)


def _counted(
    stack: LocalStack, admin: Any, costs: Costs, s3: Counter[str], progress: Callable[[str], None]
) -> dict[str, Counted]:
    log, stdout = StringIO(), sys.stdout
    sys.stdout = log
    try:
        from chat_api.handler import handler  # reads its settings and creates its clients on import

        conversation = Conversation(handler.app, sign_in(stack, USER, PASSWORD).access_token)

        async def all_shapes() -> dict[str, Counted]:
            found: dict[str, Counted] = {}
            first = next(shape for shape in SHAPES if shape.first)
            for _ in range(2):  # the first turn fetches the pool's keys and the model's key
                await conversation.turn(first, lambda: Count(stack, admin, costs, s3, log))
            for _ in range(10):  # a history of twenty items
                await conversation.turn(SHAPES[0], lambda: Count(stack, admin, costs, s3, log))
            progress("waiting until the user counts as idle")
            await asyncio.sleep(HISTORY_SECONDS)
            for shape in SHAPES:
                progress(shape.name)
                await asyncio.sleep(IDLE_SECONDS)
                found[shape.name] = await conversation.turn(shape, lambda: Count(stack, admin, costs, s3, log))
            return found

        return _run(handler, all_shapes)
    finally:
        sys.stdout = stdout


def _run(handler: Any, work: Callable[[], Awaitable[dict[str, Counted]]]) -> dict[str, Counted]:
    try:
        return handler.loop.run_until_complete(work())
    finally:
        handler.close()
