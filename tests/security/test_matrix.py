"""Every request type and route × every bad token and every foreign id; rows and routes come from the code itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from chatkit.types import ChatKitReq
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from chat_api.request_checks import APPROVAL_ACTIONS
from tests.security.matrix import (
    DELETED,
    ID_FIELDS,
    OTHERS,
    PROTOCOL,
    ROWS,
    UNKNOWN,
    Place,
    field_of,
    routes_of,
    table,
    written,
)
from tests.security.tokens import Headers, bad_tokens
from tools.fuzz.recorded import REQUEST_TYPES, Recorded
from tools.fuzz.site import Site, is_of
from tools.local.function.payload import HttpRequest, HttpResponse

CELLS: Counter[tuple[str, str]] = Counter()
PLACES = [(row.name, place) for row in ROWS.values() for place in row.places()]
STRANGERS = [row.name for row in ROWS.values() if not row.public]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site.open() as site:
        yield site
        _print_counts()


@pytest.fixture(scope="module")
def tokens(site: Site) -> dict[str, Headers]:
    return bad_tokens(site.pool)


def _print_counts() -> None:
    columns = sorted({column for _, column in CELLS})
    summary = Table("request", *columns, box=None, title="cells of the security matrix that held")
    for name in ROWS:
        summary.add_row(name, *(str(CELLS[name, column] or "·") for column in columns))
    Console(width=120).print(summary)


def ask(site: Site, request: Recorded, *headers: tuple[str, str]) -> tuple[HttpRequest, HttpResponse, str]:
    """Send a request with ana's token; return the request, the response and the log."""
    site.log.take()
    sent = request.to(site.ana, site.bob, *headers)
    answer = site.send(sent)
    return sent, answer, site.log.take()


def ana(site: Site) -> tuple[str, str]:
    return "x-auth-token", site.tokens["ana"]


def assert_refusal(answer: HttpResponse, status: int) -> None:
    headers, body = dict(answer.headers), json.loads(answer.body)
    assert answer.status == status, body
    assert re.search(r"\w+ \w+", body["message"]), body
    assert body["request_id"] == headers["x-request-id"]
    assert (status == 401) == ("www-authenticate" in headers)


def assert_tells_nothing(site: Site, sent: HttpRequest, answer: HttpResponse, log: str) -> None:
    """The response contains only those of bob's ids that the request names, the log no tokens and no message text."""
    named = sent.body.decode("latin-1") + sent.target
    text = answer.body.decode("utf-8", "replace") + str(answer.headers)
    assert [secret for secret in site.bob.secrets if secret in text and secret not in named] == []
    tokens = [value for name, value in sent.headers if name in ("x-auth-token", "authorization")]
    words = re.findall(r'"(?:text|title|quoted_text|audio_base64)": "([^"]{8,})"', named)
    secret = [token.split()[-1] for token in tokens] + words + [site.ana.mark, site.bob.mark]
    assert [each for each in secret if each in log] == []


@pytest.mark.promise("H1")
@pytest.mark.parametrize("name", ROWS)
def test_bad_tokens(site: Site, tokens: dict[str, Headers], name: str) -> None:
    row = ROWS[name]
    for kind, headers in tokens.items():
        sent, answer, log = ask(site, row.request, *headers)

        assert answer.status == row.refused(), kind
        if not row.public:
            assert_refusal(answer, 401)
        assert_tells_nothing(site, sent, answer, log)
        CELLS[name, "bad token"] += 1
    assert site.changed() == {}


@pytest.mark.promise("H1")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.public])
def test_public_routes_answer_everybody_alike(site: Site, name: str) -> None:
    _, nobody, _ = ask(site, ROWS[name].request)
    _, somebody, _ = ask(site, ROWS[name].request, ana(site))

    assert nobody.body == somebody.body
    CELLS[name, "own"] += 1


@pytest.mark.promise("S1")
@pytest.mark.parametrize(("name", "place"), PLACES, ids=[f"{name}-{field_of(place)}" for name, place in PLACES])
def test_foreign_ids(site: Site, name: str, place: Place) -> None:
    """The response for another user's id or a deleted id is the same as for one that never existed."""
    row = ROWS[name]
    kind = row.kind(place)
    answers: dict[str, str] = {}
    for column, ids in (("unknown", UNKNOWN), ("another's", OTHERS), ("deleted", DELETED)):
        if kind in ids:
            request = row.with_id(place, ids[kind])
            sent, answer, log = ask(site, request, ana(site))
            if answer.status >= 400:
                assert_refusal(answer, row.foreign(place))
            assert answer.status == row.foreign(place), (column, answer.body)
            assert_tells_nothing(site, sent, answer, log)
            answers[column] = _anonymous(answer, request, place, site)
            CELLS[name, column] += 1
    assert len(set(answers.values())) == 1, answers
    assert site.changed() == {}


def _anonymous(answer: HttpResponse, request: Recorded, place: Place, site: Site) -> str:
    """Return the response without the requested id and without the request id."""
    ids = {*UNKNOWN.values(), *site.ana.ids.values(), *site.bob.ids.values()}
    text = re.sub("|".join(map(re.escape, ids)), "ID", answer.body.decode())
    return re.sub(r'"request_id":"[^"]+"', "", text)


@pytest.mark.promise("S1")
@pytest.mark.parametrize("column", ["own", "nested"])
@pytest.mark.parametrize("name", STRANGERS)
def test_its_user_is_served_and_nobody_else_is_touched(site: Site, name: str, column: str) -> None:
    """The request of a row succeeds for its own user, also with another user's ids where they have no effect."""
    row = ROWS[name]
    before = {place: value for place, value in site.snapshot.dump.items() if is_of("bob", place)}

    try:
        sent, answer, log = ask(site, row.request if column == "own" else row.nested(), ana(site))
        after = {place: value for place, value in site.clients.dump().items() if is_of("bob", place)}
        strangers = [place for place in site.changed() if not is_of("ana", place)]
    finally:
        site.restore()

    assert answer.status == row.own, answer.body
    assert b'"type":"error"' not in answer.body
    assert_tells_nothing(site, sent, answer, log)
    assert after == before
    assert strangers == []
    CELLS[name, column] += 1


@pytest.mark.promise("S1")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if "x-turn-id" in dict(row.request.headers)])
def test_another_users_turn_id_is_just_a_name(site: Site, name: str) -> None:
    """Turn ids are per user: ana may use bob's turn id, but not repeat her own."""
    row = ROWS[name]

    def with_turn(turn: str) -> Recorded:
        return replace(row.request, headers=(*_without_turn(row.request), ("x-turn-id", turn)))

    _, repeated, _ = ask(site, with_turn("~own.turn~"), ana(site))
    assert_refusal(repeated, 409)
    assert site.changed() == {}
    try:
        _, taken, _ = ask(site, with_turn("~other.turn~"), ana(site))
        strangers = [place for place in site.changed() if not is_of("ana", place)]
    finally:
        site.restore()
    assert taken.status == 200
    assert strangers == []
    CELLS[name, "turn"] += 1


def _without_turn(request: Recorded) -> Headers:
    return tuple(pair for pair in request.headers if pair[0] != "x-turn-id")


ACTIONS = sorted(APPROVAL_ACTIONS)
EARLIER = "~own.denied_thread~", "~own.denied_card~", "~own.denied~", "~own.denied_digest~"
GONE, DECIDED, LATE = b"does not exist any more", b"was decided before", b"time to decide is over"
CASES = {
    "another user's": (("~other.asked_thread~", "~other.asked_card~", "~other.asked~", "~other.asked_digest~"), 404),
    "another user's, here": (("~own.asked_thread~", "~own.asked_card~", "~other.asked~", "~other.asked_digest~"), GONE),
    "another thread's": (("~own.asked_thread~", "~own.asked_card~", "~own.denied~", "~own.denied_digest~"), GONE),
    "another card's": (("~own.denied_thread~", "~own.denied_card~", "~own.asked~", "~own.asked_digest~"), GONE),
    "another digest": (("~own.asked_thread~", "~own.asked_card~", "~own.asked~", "~own.denied_digest~0"), GONE),
    "of no card": (("~own.thread~", "~own.answer~", "~own.asked~", "~own.asked_digest~"), 400),
    "of the coach's card": (("~own.card_thread~", "~own.card~", "~own.asked~", "~own.asked_digest~"), GONE),
    "of a deleted thread": (("~own.gone_thread~", "~own.asked_card~", "~own.asked~", "~own.asked_digest~"), 404),
    "unknown": (("~own.asked_thread~", "~own.asked_card~", UNKNOWN["approval"], "~own.asked_digest~"), GONE),
    "decided": (EARLIER, DECIDED),
    "expired": (("~own.asked_thread~", "~own.asked_card~", "~own.asked~", "~own.asked_digest~"), LATE),
}
"""Thread, card, approval and digest, and the refusal: a status, or words of the notice of a turn."""


@pytest.mark.promise("P1")
@pytest.mark.promise("S1")
@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("case", CASES)
def test_a_call_is_decided_by_its_user_at_its_card_in_time(site: Site, case: str, kind: str) -> None:
    """No action changes a record or the accounts; a look at one's own decided or expired call is answered."""
    (thread, card, approval, digest), refusal = CASES[case]
    row = ROWS[f"threads.custom_action.{kind}"].request
    payload = row.body["params"]["action"]["payload"] | {"id": approval, "digest": digest}
    params = {"thread_id": thread, "item_id": card, "action": {"type": kind, "payload": payload}}
    before = _truth(site)
    try:
        if case == "expired":
            site.expire(site.ana.asked)
        sent, answer, log = ask(site, replace(row, body=row.body | {"params": params}), ana(site))
        changed = {place: value for place, value in _truth(site).items() if before.get(place) != value}
        strangers = [place for place in site.changed() if not is_of("ana", place)]
    finally:
        site.restore()

    assert_tells_nothing(site, sent, answer, log)
    assert strangers == []
    if case == "expired" and kind != "approval.details":
        [(place, record)] = changed.items()
        assert (place.endswith(site.ana.asked), json.loads(record)["status"]) == (True, {"S": "expired"})
    else:
        assert [place for place in changed if case != "expired"] == []
    if isinstance(refusal, int):
        assert_refusal(answer, refusal)
    elif refusal is GONE or kind in ("approval.approve", "approval.deny"):
        assert answer.status == 200
        assert refusal in answer.body
    CELLS[row.name, "approval"] += 1


def _truth(site: Site) -> dict[str, str]:
    """Return the records of approvals, and the accounts."""
    return {place: value for place, value in site.clients.dump().items() if re.match(r"accounts |.*#?APPROVAL#", place)}


def test_a_dump_has_what_a_scan_returns(site: Site) -> None:
    clients = site.clients
    for name in (clients.name, clients.accounts):
        pages = clients.dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        scanned = [record for page in pages for record in page["Items"]]

        assert len(scanned) > 3
        assert clients.records(name) == scanned


def test_users_data_are_told_apart(site: Site) -> None:
    """Each record and object belongs to one user, and user-written fields contain that user's mark."""
    dump = site.snapshot.dump
    marked = [place for place, value in dump.items() if site.bob.mark in value]

    assert [place for place in dump if is_of("ana", place) == is_of("bob", place)] == []
    assert len(marked) > 5
    assert all(is_of("bob", place) for place in marked)


class TestNothingIsForgotten:
    def test_each_request_type_has_a_row(self) -> None:
        assert {row.type for row in ROWS.values() if row.route == PROTOCOL} == REQUEST_TYPES

    def test_each_action_of_an_approval_has_a_row(self) -> None:
        actions = {row.request.body["params"]["action"]["type"] for row in ROWS.values() if ".approval." in row.name}

        assert actions == APPROVAL_ACTIONS

    def test_each_route_has_a_row(self, site: Site) -> None:
        assert {row.route for row in ROWS.values()} == routes_of(site.app)

    @pytest.mark.parametrize("name", sorted(REQUEST_TYPES))
    def test_each_field_for_an_id_is_tried(self, name: str) -> None:
        """Every field of ChatKit's models with the name of an id has a value in the row."""
        model = next(each for each in _models() if each.model_fields["type"].default == name)
        tried = {field_of(place) for place in ROWS[name].places()}

        assert tried == set(_id_fields(model)) - {"turn"}

    def test_the_document_has_the_table(self) -> None:
        assert written() == table(), "run python -m tests.security.matrix"


def _models() -> tuple[Any, ...]:
    return get_args(get_args(ChatKitReq)[0])


def _id_fields(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> Iterator[str]:
    model.model_rebuild()  # ChatKit's models refer to later ones by name
    for name, field in model.model_fields.items():
        if name in ID_FIELDS or re.search(r"_ids?$", name):
            yield name
        for inner in _classes(field.annotation):
            if issubclass(inner, BaseModel) and inner not in seen:
                yield from _id_fields(inner, seen | {model})


def _classes(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _classes(part)
