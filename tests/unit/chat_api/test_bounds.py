"""H7: every field that a client sends is bounded before the first expensive step, and the error names it."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attachments_s3 import names
from chat_api import bounds
from chat_api.bounds import FIELDS, HTTP, Bound, Items, Json, Number, Text, clean_title
from chat_api.errors import RefusedError
from chat_api.parsing import parse_request
from tests.fakes.everything import Everything
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import begin
from tools import ROOT
from tools.bounds import DOCUMENT, fields, page

pytestmark = pytest.mark.promise("H7")

MEGABYTES_4 = 4_000_000
CASES = [(path, request) for path, requests in fields().items() for request in requests]


@pytest.mark.feature("field-bounds")
def test_every_field_of_every_request_has_a_bound() -> None:
    totals = {path for path in FIELDS if any(other.startswith(f"{path}.") for other in FIELDS) and path not in fields()}

    assert set(FIELDS) - totals == set(fields())
    assert totals == {"params.input"}


def test_every_other_part_of_http_that_the_app_reads_has_a_bound() -> None:
    source = "".join(path.read_text() for path in (ROOT / "functions" / "chat" / "chat_api").glob("*.py"))
    found = re.findall(r'(headers|query_params|path_params)(?:\.get\(|\[)"([^"]+)"', source)
    kinds = {"headers": "header", "query_params": "query", "path_params": "path"}

    assert {f"{kinds[kind]} {name}" for kind, name in found if name not in RESPONSE_HEADERS} <= set(HTTP)
    assert len(found) > 5


RESPONSE_HEADERS = {"allow", "retry-after", "www-authenticate"}


def test_table_in_the_documentation_is_current() -> None:
    """`python -m tools.bounds` writes it."""
    assert DOCUMENT.read_text() == page()


def document(request: str, path: str, value: Any) -> dict[str, Any]:
    """Return a request with `value` at the path, and the containers that lead to it."""
    found: dict[str, Any] = {"type": request, "params": {}}
    steps = path.replace("[", ".[").replace("{", ".{").split(".")
    container: Any = found
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        inner: Any = value if following is None else [] if following.startswith("[") else {}
        if step.startswith("["):
            if isinstance(inner, dict) and step != "[]":
                inner = {"type": step[1:-1], **inner}
            container.append(inner)
        else:
            key = "a" if step == "{}" else step
            inner = container.setdefault(key, inner) if following is not None else inner
            container[key] = inner
        container = inner
    return found


def above(path: str, bound: Bound) -> list[Any]:
    """Return values that exceed the bound by one, in each way there is."""
    match bound:
        case Text(characters):
            return ["x" * (characters + 1), *(["é" * (characters + 1)] if characters < 1_000_000 else [])]
        case Number(minimum, maximum):
            return [minimum - 1, maximum + 1]
        case Items(count, key_characters):
            if path.endswith("answers"):
                return [{str(n): {} for n in range(count + 1)}, {"k" * (key_characters + 1): {}}]
            return [[{"type": "input_text", "text": ""}] * (count + 1), ["x"] * (count + 1)]
        case Json(characters, values, depth):
            return [{"a": "x" * characters}, {"k" * (characters + 1): 1}, {"a": [0] * (values - 1)}, nested(depth)]
        case _:
            raise AssertionError(bound)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def huge(path: str, bound: Bound) -> list[Any]:
    """Return values of about 4 MB, among them the forms that once took minutes."""
    match bound:
        case Text():
            return ["x" * MEGABYTES_4, "a" + "\u0301" * 950_000 + "\u0323" * 950_000, "\u200d" * 1_300_000]
        case Number():
            return [10**4000]
        case Items():
            return [[1] * 1_300_000, {"k" * MEGABYTES_4: {}}, {str(n): 1 for n in range(350_000)}]
        case _:
            return [{"a": "x" * MEGABYTES_4}, {"a": [{}] * 1_300_000}, {str(n): 1 for n in range(350_000)}]


def number_in(bound: Bound) -> set[str]:
    """Return the numbers of which the error names one."""
    return {str(value) for value in (getattr(bound, name) for name in bound.__dataclass_fields__)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("path", "request_type"), CASES)
async def test_value_above_the_bound_is_refused_by_name(world: World, path: str, request_type: str) -> None:
    before = stored(world)
    for value in above(path, FIELDS[path]):
        response = await world.post(document(request_type, path, value))

        message = response.json()["message"]
        assert response.status_code in (400, 413), message
        assert message.startswith(path), message
        assert number_in(FIELDS[path]) & set(re.findall(r"-?\d+", message)), message
        assert len(message) < 300
    assert stored(world) == before


@pytest.mark.parametrize(("path", "request_type"), dict(CASES).items())
async def test_four_megabytes_cost_what_parsing_them_costs(
    world: World, path: str, request_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(world)
    monkeypatch.setattr(unicodedata, "normalize", counted(unicodedata.normalize))
    async with world.client() as client:
        await client.get("/chatkit/composer")  # the token's key is cached
        for value in huge(path, FIELDS[path]):
            body = json.dumps(document(request_type, path, value), ensure_ascii=False).encode()
            parsing = cpu_seconds(lambda body=body: json.loads(body))
            started = time.process_time()
            response = await client.post("/chatkit", content=body)
            spent = time.process_time() - started

            assert response.status_code in (400, 413), response.text[:300]
            assert len(response.content) < 1000
            assert spent < 20 * parsing + 1, (spent, parsing)
    assert stored(world) == before


def cpu_seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def counted(normalize: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """Return `unicodedata.normalize` that fails for a text that takes long."""

    def short(form: Any, text: str) -> str:
        assert len(text) <= names.MAX_RAW_CHARS
        return normalize(form, text)

    return short


def stored(world: World) -> str:
    """Return everything in the store, including counters and claims."""
    store: Any = world.store
    parts = (store._threads, store._attachments, vars(store.turns), vars(store.rates), store.feedback.__dict__.keys())
    return repr([{str(key): repr(value) for key, value in dict(part).items()} for part in parts[:2]]) + repr(parts[2:])


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", "/chatkit/entities?q=" + "q" * 201, {}, 413),
        ("GET", "/chatkit/entities?q=" + "q" * 60_000, {}, 413),
        ("GET", "/chatkit/entities?a=" + "&" * 60_000, {}, 413),
        ("GET", "/chatkit/search?q=" + "q" * 201, {}, 413),
        ("GET", "/chatkit/search?q=" + "q" * 4_096, {}, 413),
        ("GET", "/chatkit/search?q=word&after=" + "a" * 1_501, {}, 413),
        ("GET", "/chatkit/entities?q=q", {"accept-language": "d" * 1_001}, 413),
        ("GET", "/chatkit/entities?q=q", {"accept-language": "d" * MEGABYTES_4}, 413),
        ("GET", "/chatkit/entities?q=q", {"x-turn-id": "t" * 65}, 400),
        ("POST", f"/chatkit/turns/{'t' * 65}/cancel", {}, 400),
        ("POST", f"/chatkit/turns/{'t' * 60_000}/cancel", {}, 400),
        ("POST", "/chatkit/attachments", {"content-type": "multipart/form-data; boundary=" + "b" * 1_000}, 413),
        ("POST", "/chatkit/attachments", {"content-type": 'multipart/form-data; boundary="' + ";" * 9_000_000}, 413),
    ],
)
async def test_long_part_of_http_is_refused(
    world: World, method: str, target: str, headers: dict[str, str], status: int
) -> None:
    async with world.client() as client:
        response = await client.request(method, target, headers=headers)

    assert response.status_code == status, response.text[:300]
    assert re.search(r"\d", response.json()["message"])


@pytest.mark.parametrize(
    ("language", "locale"),
    [("de-CH,de;q=0.9", "de-CH"), ("zh-Hant-TW", "zh-Hant-TW"), ("*", "en"), ("../../etc", "en"), ("d" * 900, "en")],
)
async def test_locale_is_a_language_or_english(world: World, language: str, locale: str) -> None:
    await begin(world)

    response = await world.post(
        {"type": "threads.create", "params": document("threads.create", "params.input", MESSAGE)["params"]},
        **{"accept-language": language},
    )

    assert response.status_code == 200
    assert world.assistant.turns[-1].context.locale == locale


MESSAGE = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}


@pytest.mark.parametrize("name", ["n" * 1_025, "a" + "\u0301" * 1_500 + ".png", "\u200d" * 1_300, "n" * 3_000_000])
async def test_long_file_name_of_a_form_is_refused(world: World, name: str) -> None:
    async with world.client() as client:
        response = await client.post("/chatkit/attachments", files={"file": (name, b"\x89PNG", "image/png")})

    assert response.status_code in (400, 413, 422)
    assert stored(world).count("atc_") == 0


def nested_json(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)


def measure(value: Any) -> tuple[int, int, int]:
    """Return characters, values and depth, by recursion."""
    if isinstance(value, str):
        return len(value), 1, 1
    if isinstance(value, int):
        return value.bit_length() // 3, 1, 1
    if not isinstance(value, dict | list):
        return 0, 1, 1
    inner = [measure(each) for each in (value.values() if isinstance(value, dict) else value)]
    keys = sum(map(len, value)) if isinstance(value, dict) else 0
    return (
        keys + sum(each[0] for each in inner),
        1 + sum(each[1] for each in inner),
        1 + max((each[2] for each in inner), default=0),
    )


class TestParsing:
    def test_a_long_list_of_wrong_elements_is_not_described_element_by_element(self) -> None:
        body = json.dumps(document("items.feedback", "params.item_ids", [1] * 1_000_000)).encode()

        with pytest.raises(RefusedError, match=r"params\.item_ids has 1000000 elements"):
            parse_request(body)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), nested_json))
    def test_json_is_measured_completely(self, value: Any) -> None:
        """A bound with the value's own counts holds, and any smaller one does not."""
        characters, values, depth = measure(value)

        assert Json(characters, values, depth).fault(value) is None
        if characters:
            assert Json(characters - 1, values, depth).fault(value)
        if isinstance(value, dict | list) and value:
            assert Json(characters, values - 1, depth).fault(value)
            assert Json(characters, values, depth - 1).fault(value)


class TestTitles:
    @pytest.mark.parametrize(
        ("given_title", "title"),
        [
            ("Trip to Rome", "Trip to Rome"),
            ("  a\nb\tc ", "a b c"),
            ("x\u0000\u202e\u2066y", "xy"),
            ("\U000e0041tag", "tag"),
            ("\u200d\u0000", None),
            ("", None),
            ("é" * 300, "é" * 200),
            ("می\u200cخواهم", "می\u200cخواهم"),
        ],
    )
    async def test_renamed_thread_is_answered_as_it_is_stored(
        self, world: World, given_title: str, title: str | None
    ) -> None:
        thread_id = await begin(world)

        renamed = await world.post({"type": "threads.update", "params": {"thread_id": thread_id, "title": given_title}})
        found = await world.post({"type": "threads.get_by_id", "params": {"thread_id": thread_id}})

        assert renamed.json().get("title") == found.json().get("title") == title

    @pytest.mark.parametrize(("made", "title"), [("Tri\u202ep\u0000 to\nRome", "Trip to Rome"), ("\u200d\u0000", None)])
    async def test_title_that_the_assistant_makes_is_cleaned(
        self, world_of: Callable[..., World], made: str, title: str | None
    ) -> None:
        assistant = Everything()
        assistant.title_given = made
        world = world_of(assistant)

        thread_id = await begin(world)

        found = await world.post({"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
        assert found.json().get("title") == title

    def test_title_of_any_length_is_short_at_once(self) -> None:
        for title in ("a" + "\u0301" * MEGABYTES_4, "\u200d" * MEGABYTES_4, " " * MEGABYTES_4):
            assert len(clean_title(title) or "") <= 200


def test_bounds_leave_room_for_the_largest_ordinary_request() -> None:
    content = [{"type": "input_text", "text": "x" * 100_000}] + [
        {"type": "input_tag", "id": f"account:{n}", "text": "Cash", "data": {"kind": "account"}} for n in range(50)
    ]

    bounds.check_document({"type": "threads.create", "params": {"input": {**MESSAGE, "content": content}}})


@pytest.mark.parametrize("path", ["params.after", "params.title", "params.result"])
def test_lone_surrogate_is_refused_as_json(path: str) -> None:
    request = fields()[path][0]

    with pytest.raises(RefusedError, match="Invalid JSON"):
        parse_request(json.dumps(document(request, path, "\ud83d")))


def test_what_once_went_around_the_limit_of_a_message_is_refused() -> None:
    """Both requests of security-04-big-input.py: 20,000 mentions with few characters, and a tool's result of 3.9 MB."""
    tag = {"type": "input_tag", "id": "category:groceries", "text": "x", "data": {}}
    mentions = document("threads.create", "params.input", {**MESSAGE, "content": [tag] * 20_000})
    result = document("threads.add_client_tool_output", "params.result", {"x": "A" * 3_900_000})

    for request in (mentions, result):
        with pytest.raises(RefusedError, match=r"the limit is|has more than"):
            parse_request(json.dumps(request))
