"""Two thousand mutated requests, every one that ever broke a rule, and requests that Hypothesis makes up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.fuzz.batch import GOOD, examine, run_batch
from tools.fuzz.cases import FOUND, Case, found
from tools.fuzz.recorded import Recorded, recorded
from tools.fuzz.site import Site

SEED = 2026
PART = 250

pytestmark = [
    pytest.mark.promise("H3"),
    # Starlette leaves the file of a form that breaks off to the garbage collector; it is in memory up to 1 MB.
    pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect here what would otherwise be collected, and warn, in the next test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site.open() as site:
        yield site


@pytest.mark.parametrize("start", range(0, 2000, PART))
def test_mutated_requests(site: Site, start: int) -> None:
    for first in range(start, start + PART, 50):
        result = run_batch(site, [Case.made(SEED, number) for number in range(first, first + 50)])

        assert [(failure.case.title, failure.faults) for failure in result.failures] == []


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.json")), ids=lambda path: path.stem)
def test_what_once_broke_a_rule(site: Site, path: Path) -> None:
    _, faults = examine(site, found(path))
    site.restore()

    assert faults == []


TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
HEADERS = st.tuples(TOKENS.map(str.lower), st.text(st.characters(max_codepoint=255), max_size=40))
PATHS = st.sampled_from(sorted({request.target for request in recorded()})) | st.text(max_size=30).map("/{}".format)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]) | TOKENS
BODIES = st.binary(max_size=300) | st.sampled_from([request.content for request in recorded()])


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(method=METHODS, path=PATHS, query=st.text(max_size=20), headers=st.lists(HEADERS, max_size=4), body=BODIES)
def test_any_http_request(
    site: Site, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    """Whatever method, path, headers and body meet: the routes' surface, with nothing of the protocol known."""
    request = Recorded("any", method, f"{path}?{query}", tuple(headers), None, body)

    _, faults = examine(site, request)

    assert faults == []


def test_a_run_is_the_same_each_time() -> None:
    first, again = ([Case.made(7, number).request for number in range(200)] for _ in range(2))

    assert first == again
    assert len({request.content for request in first}) > 100


def test_what_a_user_wrote_herself_is_no_leak(site: Site) -> None:
    """A batch's requests see what the earlier ones stored, as here a title that is another user's id."""
    own = {"thread_id": "~own.thread~"}
    renamed = {"type": "threads.update", "params": {**own, "title": "~other.file~"}}
    title, shown = (replace(GOOD, body=body) for body in (renamed, {"type": "threads.get_by_id", "params": own}))

    result = run_batch(site, [Case.made(1, number).with_request(each) for number, each in enumerate((title, shown))])

    assert (result.outcomes, result.failures) == ({"200": 2}, [])
