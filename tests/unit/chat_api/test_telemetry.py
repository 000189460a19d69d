"""Metrics of a turn in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat_api.telemetry import TurnMetrics, count_turn


@pytest.fixture(autouse=True)
def namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ChatKit/test")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "chat")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.promise("H9")
@pytest.mark.feature("usage-metrics")
def test_answered_turn(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = TurnMetrics(
        started_at=10.0, model_called_at=10.02, first_token_at=10.5, ended_at=12.0, input_tokens=900, output_tokens=100
    )

    count_turn(metrics)

    turn, end = lines(capsys)
    values = {name: turn[name] for name in turn if name != "_aws"}
    assert values == {
        "service": "chat",
        "Turns": [1.0],
        "AddedTimeToFirstToken": [20.0],
        "TimeToFirstToken": [500.0],
        "TurnDuration": [2000.0],
        "InputTokens": [900.0],
        "OutputTokens": [100.0],
    }
    assert turn["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "ChatKit/test"
    assert turn["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert (end["outcome"], end["TurnsEnded"]) == ("answered", [1.0])


@pytest.mark.promise("H9")
def test_failed_turn_names_the_kind_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = TurnMetrics()
    metrics.failed(RuntimeError("key sk-secret"))

    count_turn(metrics)

    written = lines(capsys)
    assert [line.get("kind") for line in written] == [None, None, "RuntimeError"]
    assert "secret" not in str(written)


def test_kind_of_an_explained_failure_is_its_cause() -> None:
    metrics = TurnMetrics()
    try:
        raise ValueError("for the user") from TimeoutError()
    except ValueError as error:
        metrics.failed(error)

    assert metrics.error == "TimeoutError"
