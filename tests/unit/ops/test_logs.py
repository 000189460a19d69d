"""`make logs`: a deployed or the local log, followed or by request, filtered by level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.one_stack import Pages
from tools.ops.logs import Filter, follow
from tools.stack.operator import DeploymentError


def line(level: str, request: str = "r-1") -> str:
    return json.dumps({"level": level, "message": "request", "request_id": request})


METRICS = json.dumps({"_aws": {"Timestamp": 1}, "Turns": 1})


class TestFilter:
    @pytest.mark.parametrize(
        ("level", "text", "accepted"),
        [
            ("", METRICS, True),
            ("ERROR", line("ERROR"), True),
            ("ERROR", line("CRITICAL"), True),
            ("ERROR", line("WARNING"), False),
            ("warn", line("WARNING"), True),
            ("warn", line("WARN"), True),
            ("WARNING", line("ERROR"), True),
            ("ERROR", line("WARN"), False),
            ("INFO", METRICS, False),
            ("ERROR", "Traceback (most recent call last):", True),
            ("ERROR", "INIT_START Runtime Version", False),
            ("ERROR", "[1, 2]", False),
        ],
    )
    def test_a_level_includes_the_graver_ones(self, level: str, text: str, accepted: bool) -> None:
        assert Filter.of("", level).accepts(text) is accepted

    @pytest.mark.parametrize(("request_id", "level"), [("", "LOUD"), ('" || "', ""), ("x" * 200, "")])
    def test_a_filter_that_cannot_match_is_refused(self, request_id: str, level: str) -> None:
        with pytest.raises(DeploymentError):
            Filter.of(request_id, level)


class CloudWatch:
    """CloudFormation with one log group, and Logs that returns one list of events per request."""

    def __init__(self, *answers: list[tuple[str, int, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, service: str) -> CloudWatch:
        return self

    def close(self) -> None:
        pass

    def describe_stack_resource(self, LogicalResourceId: str, **_: str) -> dict[str, Any]:
        assert LogicalResourceId == "ChatLogs"
        return {"StackResourceDetail": {"PhysicalResourceId": "logs-of-chat", "ResourceStatus": "CREATE_COMPLETE"}}

    def get_paginator(self, operation: str) -> CloudWatch:
        return self

    def paginate(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        if not self.answers:
            raise KeyboardInterrupt  # the operator's Ctrl-C
        events = [{"eventId": name, "timestamp": at, "message": text + "\n"} for name, at, text in self.answers.pop(0)]
        return Pages({"events": events[:1]}, {"events": events[1:]}).paginate()


def printed(logs: CloudWatch, request: str = "") -> list[str]:
    lines: list[str] = []
    follow("dev", "chatkit-dev", request, client=logs, say=lines.append, sleep=lambda seconds: None)
    return lines


@pytest.mark.feature("logs")
class TestDeployed:
    def test_follows_until_it_is_stopped_and_prints_each_line_once(self) -> None:
        logs = CloudWatch(
            [("a", 10**13, "one"), ("b", 10**13 + 1, "two")], [("b", 10**13 + 1, "two"), ("c", 10**13, "late")]
        )

        assert printed(logs) == ["one", "two", "late"]
        assert logs.asked[1]["startTime"] > logs.asked[0]["startTime"]
        assert {each["logGroupName"] for each in logs.asked} == {"logs-of-chat"}

    def test_one_request_is_printed_once_and_ends(self) -> None:
        logs = CloudWatch([("a", 1, line("INFO", "r-7"))])

        assert printed(logs, request="r-7") == [line("INFO", "r-7")]
        assert logs.asked[0]["filterPattern"] == '"r-7"'

    def test_a_request_without_lines_says_so(self) -> None:
        with pytest.raises(DeploymentError, match="r-8"):
            printed(CloudWatch([]), request="r-8")


@pytest.mark.feature("logs")
class TestLocal:
    def test_a_request_in_the_log_of_make_dev(self, tmp_path: Path) -> None:
        log = tmp_path / "function.log"
        log.write_text("\n".join([line("INFO", "r-1"), line("ERROR", "r-2"), line("INFO", "r-2"), ""]))
        lines: list[str] = []

        follow("", "", request="r-2", level="ERROR", log=log, say=lines.append)

        assert lines == [line("ERROR", "r-2")]

    def test_new_lines_are_followed_and_half_a_line_waits(self, tmp_path: Path) -> None:
        log = tmp_path / "function.log"
        log.write_text("old\n")
        parts = ["new ", "line\n"]

        def sleep(seconds: float) -> None:
            if not parts:
                raise KeyboardInterrupt
            with log.open("a") as file:
                file.write(parts.pop(0))

        lines: list[str] = []
        follow("", "", log=log, say=lines.append, sleep=sleep)

        assert lines == ["old", "new line"]

    def test_without_a_log_it_says_how_to_get_one(self, tmp_path: Path) -> None:
        with pytest.raises(DeploymentError, match="make logs ENV=dev"):
            follow("", "", log=tmp_path / "absent")
