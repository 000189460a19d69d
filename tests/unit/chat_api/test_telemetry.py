"""Metrics of a turn in CloudWatch's embedded metric format, and the access log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from attachments_s3 import Event
from attachments_s3.store import Action
from chat_api.telemetry import Metrics, RequestLog, TurnMetrics
from function_setup import configure_logs, release_logs

pytestmark = pytest.mark.promise("H9")
METRICS = Metrics("ChatKit/test")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    configure_logs("chat_api", "INFO", (), stream := io.StringIO())
    yield stream
    release_logs()


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.feature("usage-metrics")
def test_a_turn_writes_one_line_with_all_its_metrics(log: io.StringIO) -> None:
    turn = TurnMetrics(
        started_at=10.0, model_called_at=10.02, first_token_at=10.5, ended_at=12.0, input_tokens=900, output_tokens=100
    )

    METRICS.turn(turn)

    (line,) = lines(log)
    metrics, outcome = line["_aws"]["CloudWatchMetrics"]
    assert {each["Name"]: line[each["Name"]] for each in metrics["Metrics"]} == {
        "Turns": [1],
        "AddedTimeToFirstToken": [20],
        "TimeToFirstToken": [500],
        "TurnDuration": [2000],
        "InputTokens": [900],
        "OutputTokens": [100],
    }
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("ChatKit/test", [["service"]])
    assert set(*outcome["Dimensions"]) == {"service", "outcome"}
    assert (line["service"], line["outcome"], line["TurnsEnded"]) == ("chat", "answered", [1])


def test_failed_turn_names_the_kind_and_nothing_else(log: io.StringIO) -> None:
    turn = TurnMetrics()
    turn.failed(RuntimeError("key sk-secret"))

    METRICS.turn(turn)

    (line,) = lines(log)
    assert set(*line["_aws"]["CloudWatchMetrics"][-1]["Dimensions"]) == {"service", "kind"}
    assert (line["kind"], line["Failures"]) == ("RuntimeError", [1])
    assert "secret" not in log.getvalue()


def test_kind_of_an_explained_failure_is_its_cause() -> None:
    turn = TurnMetrics()
    try:
        raise ValueError("for the user") from TimeoutError()
    except ValueError as error:
        turn.failed(error)

    assert turn.error == "TimeoutError"


def test_a_missing_model_is_counted_for_its_alarm_and_named_in_the_log(log: io.StringIO) -> None:
    turn = TurnMetrics(missing_model="gpt-5-mini")

    METRICS.turn(turn)

    (line,) = lines(log)
    first = line["_aws"]["CloudWatchMetrics"][0]
    assert ({"Name": "MissingModels", "Unit": "Count"} in first["Metrics"], first["Dimensions"]) == (
        True,
        [["service"]],
    )
    assert line["MissingModels"] == [1]
    assert turn.summary()["missing_model"] == "gpt-5-mini"


def test_a_refused_file_is_counted_with_its_reason(log: io.StringIO) -> None:
    METRICS.attachment(Event(Action.REFUSED, reason="claimed"))

    (line,) = lines(log)
    assert (line["action"], line["reason"], line["Attachments"]) == ("refused", "claimed", [1])


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR"])
def test_metrics_pass_lambdas_filter_at_every_level(level: str) -> None:
    configure_logs("chat_api", level, (), stream := io.StringIO())

    METRICS.turn(TurnMetrics())

    release_logs()
    assert "Turns" in lines(stream)[0]


async def ask(path: str) -> None:
    app = FastAPI()
    app.get("/turns/{turn}")(lambda: None)
    app.add_middleware(RequestLog)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        await client.get(path)


async def test_a_request_is_logged_by_its_route(log: io.StringIO) -> None:
    await ask("/turns/my-iban-is-1")

    logged = [line for line in lines(log) if line["message"] == "request"]
    assert [line["route"] for line in logged] == ["/turns/{turn}"]
    assert "my-iban" not in log.getvalue()


async def test_an_unknown_path_is_cut(log: io.StringIO) -> None:
    await ask("/" + "a" * 6000)

    (line,) = (line for line in lines(log) if line["message"] == "request")
    assert len(line["path"]) == 64
    assert logging.getLogger().handlers
