"""The whole backend in this process: the coach, DynamoDB and S3 on moto, a user pool, and Function URL events.

    with Site.open() as site:
        site.ana, site.bob                      # the data of two users
        site.send(HttpRequest("POST", …))       # → HttpResponse, through the adapter as on Lambda
        site.restore()                          # undo all changes

ana sends the requests and must not see or change bob's data. Everything runs in one thread and one event loop, one
request after the other, so that runs are reproducible.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import boto3
import httpx2
import openai
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from attachments_s3 import S3AttachmentStore, s3_config
from chat_api.app import create_app
from chat_api.assistant import AssistantSettings
from chat_api.context import RequestContext
from chat_api.hosted import HostedMode
from chat_api.identity import TokenVerifier
from chat_api.server import AssistantServer
from chat_api.settings import LimitSettings
from chat_api.telemetry import PACKAGES
from chat_api.turn import Timing
from coach.accounts_table import AccountsTable
from coach.accounts_table import table_definition as accounts_definition
from coach.assistant import Coach
from function_setup import configure_logs, release_logs
from lambda_streaming import StreamingMangum
from store_dynamo import CLIENT_CONFIG, Backoff, DynamoStore, S3Bucket, table_definition
from tools.fuzz.belongings import Belongings, acquire
from tools.local.function.payload import HttpRequest, HttpResponse, buffered_response, event_of
from tools.local.openai.server import API_KEY, ModelServer
from tools.local.sign_in.user_pool import UserPool

DOMAIN = "abcdefghijklmnop.lambda-url.eu-west-1.on.aws"
OWN_TRACES = re.compile(r"USER#ana( (ACCESS$|TURN#)|#THREAD#\S+ LIVE#)")
NO_LIMITS = LimitSettings(**dict.fromkeys(LimitSettings.model_fields))
QUICK = Timing(cancel_poll=0.05)
MILLISECONDS = 20_000
"""Time limit of a request. An app that hangs is stopped, which is a failure."""
KEY: Any = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "eu-west-1"}

Dump = dict[str, str]


@dataclass(frozen=True)
class InvocationContext:
    """The part of Lambda's context that the function uses."""

    milliseconds: int
    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass(frozen=True)
class Clients:
    """Clients of one table, one accounts table and one bucket with the same name."""

    name: str
    dynamodb: Any
    s3: Any
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    """One thread for all requests to moto, which is not thread-safe. The site's event loop ends it."""

    def dump(self) -> Dump:
        """Return all stored data by place."""
        records = {f"chat {r['pk']['S']} {r['sk']['S']}": _text(r) for r in self.records(self.name)}
        accounts = {f"accounts {r['user']['S']} {r['record']['S']}": _text(r) for r in self.records(self.accounts)}
        objects = {f"object {each['Key']}": each["ETag"] for each in self._objects()}
        return records | accounts | objects

    @property
    def accounts(self) -> str:
        return f"{self.name}-accounts"

    def records(self, table: str) -> list[dict[str, Any]]:
        """Return a table's records from moto itself: a Scan of all of them after each request takes far longer."""
        items = dynamodb_backends[DEFAULT_ACCOUNT_ID][KEY["region_name"]].get_table(table).all_items()
        return [item.to_json()["Attributes"] for item in items]

    def _objects(self) -> list[dict[str, Any]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [each for page in pages for each in page.get("Contents", [])]

    def read(self, key: str) -> dict[str, Any]:
        found = self.s3.get_object(Bucket=self.name, Key=key)
        return {"Body": found["Body"].read(), "ContentType": found["ContentType"], "Metadata": found["Metadata"]}


class Snapshot:
    """All stored data at one moment, for a later restore."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self.dump = clients.dump()
        self._objects = {key: clients.read(key[7:]) for key in self.dump if key.startswith("object ")}

    def changes(self) -> dict[str, str]:
        """Return the state of each differing place: new, gone or changed."""
        now = self._clients.dump()
        places = [place for place, value in self.dump.items() if now.get(place) != value]
        changed = {place: "changed" if place in now else "gone" for place in places}
        return changed | dict.fromkeys(now.keys() - self.dump.keys(), "new")

    def restore(self) -> dict[str, str]:
        """Undo all changes and return them. Costs a write per change."""
        changed = self.changes()
        for place, kind in changed.items():
            if kind == "new":
                self._delete(place)
            else:
                self._put(place, self.dump[place])
        return changed

    def _delete(self, place: str) -> None:
        kind, first, *rest = place.split(" ", 2)
        if kind == "object":
            self._clients.s3.delete_object(Bucket=self._clients.name, Key=place[7:])
        else:
            names = ("pk", "sk") if kind == "chat" else ("user", "record")
            key = {names[0]: {"S": first}, names[1]: {"S": rest[0]}}
            self._clients.dynamodb.delete_item(TableName=self._table(kind), Key=key)

    def _put(self, place: str, value: str) -> None:
        kind = place.split(" ", 1)[0]
        if kind == "object":
            self._clients.s3.put_object(Bucket=self._clients.name, Key=place[7:], **self._objects[place])
        else:
            self._clients.dynamodb.put_item(TableName=self._table(kind), Item=json.loads(value, object_hook=_bytes))

    def _table(self, kind: str) -> str:
        return self._clients.name if kind == "chat" else self._clients.accounts


class Log:
    """The function's log output at level DEBUG, as CloudWatch would receive it."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    def take(self) -> str:
        """Return the output since the last call."""
        written = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return written

    @contextmanager
    def listening(self) -> Generator[Self]:
        configure_logs("chat_api", "DEBUG", PACKAGES, self._stream)
        try:
            yield self
        finally:
            release_logs()


class Site:
    """One deployment with two users; create it with `open`."""

    def __init__(self, clients: Clients, pool: UserPool, model: ModelServer, log: Log) -> None:
        self.clients = clients
        self.pool = pool
        self.log = log
        self._assistant = _coach(clients, model)
        self._hosted = _hosted()
        self.app = _app(clients, pool, self._assistant, self._hosted)
        self.handler = StreamingMangum(self.app)
        self.handler.loop.set_default_executor(clients.thread)
        self.tokens = {user: pool.token(user) for user in ("ana", "bob")}
        self.ana, self.bob = (acquire(self.send, token, user) for user, token in self.tokens.items())
        self._mark_metadata()
        self.log.take()
        self.snapshot = Snapshot(clients)

    @classmethod
    @contextmanager
    def open(cls) -> Generator[Self]:
        """Yield a site; its data disappear at the end of the context."""
        with ExitStack() as parts:
            parts.enter_context(mock_aws())
            pool = parts.enter_context(UserPool())
            model = parts.enter_context(ModelServer.start(delay_seconds=0))
            log = parts.enter_context(Log().listening())
            clients = _clients()
            parts.callback(clients.dynamodb.close)
            parts.callback(clients.s3.close)
            site = cls(clients, pool, model, log)
            parts.callback(site.close)
            yield site

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response of the Function URL."""
        return self.invoke(event_of(request, DOMAIN, f"request-{uuid4()}", datetime.now(UTC)))

    def invoke(self, event: object) -> HttpResponse:
        """Send any event and return the response."""
        answer = self.handler(event, InvocationContext(MILLISECONDS, f"request-{uuid4()}"))  # pyright: ignore[reportArgumentType]
        return buffered_response(json.dumps(answer).encode())

    def changed(self) -> dict[str, str]:
        """Return the places that differ from the start, with their state.

        Without what every request writes for its own user: the access record, a turn with its journal, and the mark
        that stops it.
        """
        return {place: state for place, state in self.snapshot.changes().items() if not OWN_TRACES.search(place)}

    def restore(self) -> dict[str, str]:
        """Undo all changes; return the places that differed."""
        return self.snapshot.restore()

    def expire(self, approval_id: str) -> None:
        """End the time in which an approval can be decided; `restore` takes it back."""
        place = next(place for place in self.snapshot.dump if place.endswith(f"APPROVAL#{approval_id}"))
        _, pk, sk = place.split(" ")
        self.clients.dynamodb.update_item(
            TableName=self.clients.name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression="SET open_until = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def close(self) -> None:
        self.handler.loop.run_until_complete(self._assistant.close())
        self.handler.loop.run_until_complete(self._hosted.close())
        self.handler.close()
        asyncio.set_event_loop(None)

    def _mark_metadata(self) -> None:
        """Add the mark to data that only an assistant writes."""

        async def mark(user: str, mine: Belongings) -> None:
            store, context = _store(self.clients), _context(user)
            thread = await store.load_thread(mine.thread, context)
            thread.metadata = {**thread.metadata, "note": mine.mark}
            await store.save_thread(thread, context)

        for user, mine in (("ana", self.ana), ("bob", self.bob)):
            self.handler.loop.run_until_complete(mark(user, mine))


def _clients() -> Clients:
    name = f"site-{uuid4()}"
    clients = Clients(
        name,
        boto3.client("dynamodb", config=CLIENT_CONFIG, **KEY),  # pyright: ignore[reportUnknownMemberType]
        boto3.client("s3", config=s3_config(), **KEY),  # pyright: ignore[reportUnknownMemberType]
    )
    definition = table_definition(name)
    del definition["StreamSpecification"]  # with a stream, moto copies the table for each transaction
    clients.dynamodb.create_table(**definition)
    clients.dynamodb.create_table(**accounts_definition(clients.accounts))
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return clients


def _user(context: RequestContext) -> str:
    return context.user_id


def _context(user: str) -> RequestContext:
    return RequestContext(user, user, frozenset(), "en", "request", "turn", datetime.now(UTC))


def _files(clients: Clients) -> S3AttachmentStore[RequestContext]:
    return S3AttachmentStore(bucket=clients.name, client=clients.s3, user_of=_user, threads=clients.thread)


def _store(clients: Clients) -> DynamoStore[RequestContext]:
    files, backoff = _files(clients), Backoff(threads=clients.thread)
    return DynamoStore(
        table=clients.name,
        client=clients.dynamodb,
        user_of=_user,
        overflow=S3Bucket(clients.name, clients.s3, backoff),
        after_read=files.sign_urls,
        before_write=files.strip_urls,
        backoff=backoff,
    )


def _coach(clients: Clients, model: ModelServer) -> Coach:
    async def key() -> str:
        return API_KEY

    return Coach(AssistantSettings("gpt-6.1-terra", model.url, key), AccountsTable(clients.accounts, clients.dynamodb))


def _hosted() -> HostedMode:
    """Return the hosted mode with a client whose sessions always succeed."""
    session = {"id": "cksess_1", "object": "chatkit.session", "client_secret": "ek_1", "expires_at": 1_700_000_000}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=session))
    client = openai.AsyncOpenAI(api_key=API_KEY, http_client=httpx2.AsyncClient(transport=transport))
    return HostedMode("wf_1", client)


def _app(clients: Clients, pool: UserPool, assistant: Coach, hosted: HostedMode) -> Any:
    """Build the app as `chat_api.handler` does, but without limits, which would hide later failures."""
    store, files = _store(clients), _files(clients)
    server = AssistantServer(store, files, assistant, limits=NO_LIMITS, timing=QUICK)
    verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)
    return create_app(server, verifier, hosted=hosted)


def is_of(user: str, place: str) -> bool:
    """Return whether the data at a place of a dump belong to a user."""
    return re.match(rf"(chat (USER|AUDIT)#{user}(#| )|accounts {user} |object \w+/{user}/)", place) is not None


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, default=lambda data: {"bytes": bytes(data).hex()})


def _bytes(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["bytes"]) if value.keys() == {"bytes"} else value
