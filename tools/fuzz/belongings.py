"""The data of one user: conversations, a form, cards, approvals, a tool call, files, turns, and deleted items.

    mine = acquire(send, token, "ana")        # with a browser's requests
    mine.fill("~own.thread~", other)          # placeholders of requests become ids

Every text, title and file name of the user contains `mark`, so that a search of a response finds leaks.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tools.client.chatkit import act, add_message, create_thread
from tools.local.chat.rendering import decisions_of
from tools.local.files import PNG
from tools.local.function.payload import HttpRequest, HttpResponse

Send = Callable[[HttpRequest], HttpResponse]
Event = dict[str, Any]

BOUNDARY = "----file"
PLACEHOLDER = re.compile(rb"~(own|other|new)\.([a-z_]+)~")


@dataclass(frozen=True)
class Belongings:
    """Ids of the user's data; names with `gone` refer to deleted data.

    `asked` is the approval that a card asks for, and `denied` one that the user has denied.
    """

    thread: str
    message: str
    answer: str
    form_thread: str
    form: str
    tool_thread: str
    tool_turn: str
    call: str
    card_thread: str
    card: str
    asked_thread: str
    asked_card: str
    asked: str
    asked_digest: str
    denied_thread: str
    denied_card: str
    denied: str
    denied_digest: str
    file: str
    sent_file: str
    turn: str
    allowance: str
    gone_thread: str
    gone_item: str
    gone_file: str
    mark: str

    @property
    def ids(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if name != "mark"}

    @property
    def secrets(self) -> list[str]:
        """Texts that responses to other users must not contain."""
        return [*self.ids.values(), self.mark]


def fill(data: bytes, own: Belongings, other: Belongings) -> bytes:
    """Replace placeholders such as `~own.thread~` and `~other.file~` by ids; `~new.turn~` becomes a new turn's id."""

    def value(match: re.Match[bytes]) -> bytes:
        whose, name = match[1].decode(), match[2].decode()
        if whose == "new":
            return f"turn_{uuid.uuid4().hex}".encode()
        ids: str | None = getattr(own if whose == "own" else other, name, None)
        return match[0] if ids is None else ids.encode()

    return PLACEHOLDER.sub(value, data)


def multipart(name: str, mime_type: str, content: bytes) -> bytes:
    """Return a form with one file, in `BOUNDARY`."""
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
    return head.encode() + f"content-type: {mime_type}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def acquire(send: Send, token: str, name: str) -> Belongings:
    """Create data of every kind for a user. Raises AssertionError when a request fails."""
    return _Visit(send, token, f"{name}-{uuid.uuid4().hex[:12]}").all()


@dataclass(frozen=True)
class Question:
    """A card that asks for an approval: its thread, its item, and the payload of its actions."""

    thread: str
    card: str
    payload: Event


class _Visit:
    def __init__(self, send: Send, token: str, mark: str) -> None:
        self._send = send
        self._token = token
        self._mark = mark

    def all(self) -> Belongings:
        sent, unsent, gone = (self._upload(f"{each}-{self._mark}.png") for each in ("sent", "unsent", "gone"))
        turn = f"turn_{uuid.uuid4().hex}"
        first = self._ask(create_thread(f"How much did I spend on groceries? {self._mark}", (sent,)), turn)
        thread = _of(first, "thread.created")["thread"]["id"]
        message, answer = _item(first, "user_message"), _item(first, "assistant_message")
        self._call("threads.update", thread_id=thread, title=f"Title {self._mark}")
        self._call("items.feedback", thread_id=thread, item_ids=[answer], kind="positive")
        again = self._ask({"type": "threads.retry_after_item", "params": {"thread_id": thread, "item_id": message}})
        self._ask(add_message(thread, f"What did I just ask? {self._mark}"))
        tool_turn = f"turn_{uuid.uuid4().hex}"
        form, call, card = (
            self._begin(f"{words} {self._mark}", turn)
            for words, turn in zip(ASKING, (None, tool_turn, None), strict=True)
        )
        asked, denied = self._question(), self._question()
        self._ask(act(denied.thread, denied.card, "approval.deny", denied.payload))
        deleted = self._begin(f"Forget this {self._mark}")
        self._call("threads.delete", thread_id=deleted[0])
        self._call("attachments.delete", attachment_id=gone)
        return Belongings(
            thread=thread,
            message=message,
            answer=_item(again, "assistant_message"),
            form_thread=form[0],
            form=_item(form[1], "structured_input"),
            tool_thread=call[0],
            tool_turn=tool_turn,
            call=_item(call[1], "client_tool_call"),
            card_thread=card[0],
            card=_item(card[1], "widget"),
            asked_thread=asked.thread,
            asked_card=asked.card,
            asked=asked.payload["id"],
            asked_digest=asked.payload["digest"],
            denied_thread=denied.thread,
            denied_card=denied.card,
            denied=denied.payload["id"],
            denied_digest=denied.payload["digest"],
            file=unsent,
            sent_file=sent,
            turn=turn,
            allowance=self._allowance(),
            gone_thread=deleted[0],
            gone_item=answer,
            gone_file=gone,
            mark=self._mark,
        )

    def _begin(self, words: str, turn: str | None = None) -> tuple[str, list[Event]]:
        events = self._ask(create_thread(words), turn)
        return _of(events, "thread.created")["thread"]["id"], events

    def _allowance(self) -> str:
        """Always allow transfers of up to a dollar; other amounts still ask. Returns the id of the allowance."""
        headers = [("x-auth-token", self._token)]
        answer = self._send(HttpRequest("GET", "/chatkit/allowances", headers, b"", "203.0.113.7"))
        if not (allowed := json.loads(answer.body)["data"]):
            asked = self._question(1)
            self._ask(act(asked.thread, asked.card, "approval.always", asked.payload))
            return asked.payload["id"]
        return allowed[0]["id"]

    def _question(self, dollars: int = 0) -> Question:
        """Ask for a transfer, unless given with an amount of this user alone: the digest covers it."""
        dollars = dollars or sum(self._mark.partition("-")[0].encode())
        thread, events = self._begin(f"Move ${dollars} to savings, please. {self._mark}")
        card = next(each["item"] for each in events if each.get("item", {}).get("type") == "widget")
        return Question(thread, card["id"], decisions_of(card["widget"])["approval.approve"]["payload"])

    def _upload(self, name: str) -> str:
        headers = [("content-type", f"multipart/form-data; boundary={BOUNDARY}")]
        answer = self._post("/chatkit/attachments", headers, multipart(name, "image/png", PNG))
        return json.loads(answer.body)["id"]

    def _call(self, type_: str, **params: Any) -> None:
        self._post("/chatkit", JSON, json.dumps({"type": type_, "params": params}).encode())

    def _ask(self, request: Event, turn: str | None = None) -> list[Event]:
        headers = [*JSON, ("x-turn-id", turn)] if turn else JSON
        answer = self._post("/chatkit", headers, json.dumps(request).encode())
        events = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]
        assert "error" not in [event["type"] for event in events], events[-1]
        return events

    def _post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> HttpResponse:
        request = HttpRequest("POST", path, [("x-auth-token", self._token), *headers], body, "203.0.113.7")
        answer = self._send(request)
        assert answer.status == 200, answer.body
        return answer


JSON = [("content-type", "application/json")]
ASKING = ("I am saving for a boat", "Open my budgets", "Set a budget for dining")
"""Messages that the coach answers with a form, a client tool call, and a card."""


def _of(events: list[Event], kind: str) -> Event:
    return next(event for event in events if event["type"] == kind)


def _item(events: list[Event], kind: str) -> str:
    done = [event["item"] for event in events if event["type"] == "thread.item.done"]
    return next(item["id"] for item in done if item["type"] == kind)
