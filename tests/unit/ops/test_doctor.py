"""The doctor against a fake endpoint: a healthy one passes, and each fault fails its row."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from rich.console import Console

from tests.fakes.faulty_api import OTHER_TOKEN, SITE, TOKEN, FaultyApi
from tests.fakes.one_stack import Pages
from tools.local.openai.server import API_KEY
from tools.ops.checks import account, edge
from tools.ops.checks.api import CHECKS as API_CHECKS
from tools.ops.doctor import Check, Finding, State, Target, examine, show

CHECKS = {check.name: check for check in (*API_CHECKS, *edge.CHECKS, *account.CHECKS)}
HTTP = [check.name for check in API_CHECKS]


@pytest.fixture
def api() -> Iterator[FaultyApi]:
    with FaultyApi() as api:
        yield api


@pytest.fixture
def target(api: FaultyApi) -> Target:
    return Target(
        outputs={"ChatUrl": f"{api.url}/function-url/", "OpenAISecretArn": "arn"},
        parameters={"SiteOrigin": SITE, "DomainName": "", "OpenAIModel": "gpt-9"},
        api=api.url,
        site=lambda: httpx.AsyncClient(base_url=api.url),
        client=lambda service: Secrets(),
        token=TOKEN,
        other_token=OTHER_TOKEN,
        openai=f"{api.url}/openai",
    )


class Secrets:
    """Secrets Manager with one key."""

    def __init__(self, key: str = "sk-good") -> None:
        self.key = key

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        assert SecretId == "arn"
        return {"SecretString": self.key}

    def close(self) -> None:
        pass


class Topics:
    """SNS of an account with many subscriptions, `subscriptions` on the last page."""

    def __init__(self, subscriptions: list[dict[str, str]]) -> None:
        others = [{"Endpoint": f"{n}@example.org", "SubscriptionArn": f"arn:{n}"} for n in range(100)]
        self.pages = Pages({"Subscriptions": others}, {"Subscriptions": subscriptions})

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_subscriptions"
        return self.pages

    def close(self) -> None:
        pass


async def row(target: Target, name: str) -> Finding:
    (finding,) = await examine(target, [CHECKS[name]])
    return finding


@pytest.mark.parametrize(
    "name", [*HTTP, "API errors stay errors", "the Function URL is closed", "OpenAI key", "models"]
)
async def test_a_well_stack_passes(target: Target, name: str) -> None:
    finding = await row(target, name)

    assert finding.state is State.PASS, finding
    assert finding.found
    assert not finding.advice


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("unhealthy", "health"),
        ("refuses tokens", "sign-in"),
        ("lets strangers in", "no access without a token"),
        ("forbids instead of 401", "no access without a token"),
        ("leaks threads", "no access to other users' threads"),
        ("buffered", "streaming is incremental"),
        ("one piece", "streaming is incremental"),
        ("assistant fails", "streaming is incremental"),
        ("takes no upload", "presigned upload"),
        ("takes any upload", "wrong uploads are rejected"),
        ("no CORS", "CORS of the bucket"),
        ("any origin", "CORS of the bucket"),
        ("html errors", "API errors stay errors"),
        ("open function url", "the Function URL is closed"),
        ("openai refuses", "OpenAI key"),
    ],
)
async def test_each_fault_fails_its_row_and_says_how_to_mend_it(
    api: FaultyApi, target: Target, fault: str, name: str
) -> None:
    api.faults.add(fault)

    finding = await row(target, name)

    assert finding.state is State.FAIL, finding
    assert finding.advice == CHECKS[name].fix


async def test_a_stack_that_is_gone_fails_and_does_not_raise(api: FaultyApi, target: Target) -> None:
    gone = dataclasses.replace(target, api="http://127.0.0.1:1")

    findings = await examine(gone, [CHECKS[name] for name in HTTP])

    assert [each.state for each in findings] == [State.FAIL, *[State.NOT_CHECKED] * (len(HTTP) - 1)]


@pytest.mark.promise("B2")
class TestOneCause:
    """One fault is one failed row: with a function that does not start, eight rows failed, one as a breach."""

    async def test_what_needs_a_failed_check_is_not_checked(self, api: FaultyApi, target: Target) -> None:
        api.faults.add("refuses tokens")

        findings = {each.name: each for each in await examine(target, [CHECKS[name] for name in HTTP])}

        assert [name for name, each in findings.items() if each.state is State.FAIL] == ["sign-in"]
        assert findings["no access without a token"].state is State.PASS
        upload = findings["presigned upload"]
        assert (upload.state, upload.found) == (State.NOT_CHECKED, "because of sign-in")

    @pytest.mark.parametrize("name", HTTP[1:])
    async def test_a_server_error_is_never_a_breach(self, target: Target, name: str) -> None:
        class Broken(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(502)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            finding = await row(dataclasses.replace(target, api=f"http://127.0.0.1:{server.server_port}"), name)
            server.shutdown()

        assert finding.state in (State.FAIL, State.UNKNOWN)
        assert "the API returns 502" in finding.found
        assert finding.advice.startswith("make logs ENV=… shows the fault")

    async def test_advice_for_the_local_stack_names_its_log(self, target: Target) -> None:
        gone = dataclasses.replace(target, api="http://127.0.0.1:1", local=True)

        (finding,) = await examine(gone, [CHECKS["health"]])

        assert finding.advice.startswith("make logs shows whether the function starts")

    def test_rows_that_were_not_checked_are_counted(self) -> None:
        output = io.StringIO()
        findings = [
            Finding("a", State.FAIL, "x", "y"),
            Finding("b", State.NOT_CHECKED, "because of a", "first correct a"),
        ]

        assert not show(findings, Console(file=output))
        assert "1 fail, 0 unknown, 1 not checked" in output.getvalue()


@pytest.mark.parametrize("name", [name for name in HTTP if name not in ("health", "no access without a token")])
async def test_without_a_token_what_needs_one_is_unknown_and_says_how_to_give_it(target: Target, name: str) -> None:
    finding = await row(dataclasses.replace(target, token=None), name)

    assert finding.state is State.UNKNOWN
    assert "CHATKIT_TOKEN" in finding.advice


async def test_with_one_user_the_wrong_user_is_unknown(target: Target) -> None:
    finding = await row(dataclasses.replace(target, other_token=None), "no access to other users' threads")

    assert finding.state is State.UNKNOWN
    assert "CHATKIT_OTHER_TOKEN" in finding.advice


async def test_the_doctor_leaves_no_thread_behind(api: FaultyApi, target: Target) -> None:
    await examine(target, [CHECKS["streaming is incremental"], CHECKS["no access to other users' threads"]])

    assert api.deleted == ["thr_1", "thr_1"]


class TestModels:
    """The doctor knows when a model of the stack ends."""

    @pytest.fixture
    def target(self, target: Target) -> Target:
        models = {"OpenAIModels": "gpt-9=GPT-9,gpt-10=GPT-10 (new), gpt-11", "TranscriptionModel": "gpt-hears"}
        return dataclasses.replace(target, parameters={**target.parameters, **models})

    def test_every_model_of_the_stack_is_looked_at(self, target: Target) -> None:
        assert account.models_of(target.parameters) == ["gpt-9", "gpt-10", "gpt-11", "gpt-hears"]

    @pytest.mark.feature("model-lifecycle")
    @pytest.mark.parametrize("name", ["gpt-9", "gpt-11", "gpt-hears"])
    @pytest.mark.parametrize(
        ("days", "state"), [(-3, State.WARN), (89, State.WARN), (90, State.PASS), (400, State.PASS)]
    )
    async def test_a_shutdown_is_announced_90_days_ahead(
        self, api: FaultyApi, target: Target, name: str, days: int, state: State
    ) -> None:
        ends = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
        api.shutdown_dates[name] = ends

        finding = await row(target, "models")

        assert finding.state is state
        if state is State.WARN:
            assert f"{name} shuts down on {ends}, in {days} days" in finding.found
            assert "OpenAIModel=" in finding.advice

    async def test_models_of_another_endpoint_have_no_known_end(self, target: Target) -> None:
        elsewhere = dataclasses.replace(
            target, parameters={**target.parameters, "OpenAIBaseUrl": "https://llm.example/v1"}
        )

        assert (await row(elsewhere, "models")).state is State.UNKNOWN

    async def test_a_model_that_is_gone_fails(self, api: FaultyApi, target: Target) -> None:
        api.missing_models.add("gpt-10")

        finding = await row(target, "models")

        assert (finding.state, finding.found) == (State.FAIL, "gpt-10 does not exist (any longer)")

    async def test_a_warning_is_counted_and_no_failure(self) -> None:
        console = Console(file=io.StringIO(), width=200)

        assert show([Finding("models", State.WARN, "soon")], console)
        assert "0 pass, 1 warn, 0 fail, 0 unknown" in console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


class TestWhatCannotBeKnown:
    @pytest.mark.parametrize("name", ["API errors stay errors", "the Function URL is closed"])
    async def test_of_a_local_stack_the_edge_is_unknown(self, target: Target, name: str) -> None:
        finding = await row(dataclasses.replace(target, local=True), name)

        assert finding.state is State.UNKNOWN

    async def test_the_stand_in_model_says_nothing_of_openai(self, target: Target) -> None:
        local = dataclasses.replace(target, local=True, client=lambda _: Secrets(API_KEY))

        assert (await row(local, "OpenAI key")).state is State.UNKNOWN

    async def test_an_address_that_never_confirmed_fails(self, target: Target) -> None:
        subscriptions = [{"Endpoint": "ops@example.com", "SubscriptionArn": "PendingConfirmation"}]
        watched = dataclasses.replace(
            target,
            parameters={**target.parameters, "AlarmEmail": "ops@example.com"},
            client=lambda _: Topics(subscriptions),
        )

        assert (await row(watched, "alarm e-mail")).state is State.FAIL
        subscriptions[0]["SubscriptionArn"] = "arn:aws:sns:eu-west-1:1:alarms:1"
        assert (await row(watched, "alarm e-mail")).state is State.PASS

    async def test_alarms_without_an_address_are_unknown(self, target: Target) -> None:
        assert (await row(target, "alarm e-mail")).state is State.UNKNOWN

    @pytest.mark.parametrize(
        "error",
        [NoCredentialsError(), ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeTable")],
    )
    async def test_who_may_not_look_learns_nothing_wrong(self, target: Target, error: Exception) -> None:
        finding = await row(dataclasses.replace(target, client=_raising(error)), "table")

        assert finding.state is State.UNKNOWN
        assert finding.advice

    async def test_the_domain_key_is_never_green(self, target: Target) -> None:
        assert (await row(dataclasses.replace(target, local=True), "domain key")).state is State.UNKNOWN
        assert (await row(target, "domain key")).state is State.FAIL


def _raising(error: Exception) -> Callable[[str], Any]:
    def client(service: str) -> Any:
        raise error

    return client


class TestTable:
    def test_only_pass_is_green_and_a_failure_is_told(self) -> None:
        output = io.StringIO()
        findings = [
            Finding("a", State.PASS, "well"),
            Finding("b", State.FAIL, "ill", "mend it"),
            Finding("c", State.UNKNOWN, "dark", "look there"),
        ]

        well = show(findings, Console(file=output, width=120))

        assert not well
        assert "1 pass, 1 fail, 1 unknown" in output.getvalue()
        assert [state for state in State if "green" in state.value] == [State.PASS]

    def test_unknown_alone_is_no_failure(self) -> None:
        assert show([Finding("c", State.UNKNOWN, "dark", "look there")], Console(file=io.StringIO()))

    def test_every_check_says_how_to_mend(self) -> None:
        assert all(isinstance(check, Check) and check.fix for check in CHECKS.values())
