"""docs/evidence/features.md: every feature has a test, every marker a feature, and the table matches the markers."""

from __future__ import annotations

from typing import get_args

from chatkit.types import NonStreamingReq, StreamingReq

from tests.features import FEATURES, REQUESTS, TABLE, shown, table


def test_every_request_type_of_chatkit_is_a_feature() -> None:
    requests = (*get_args(StreamingReq), *get_args(NonStreamingReq))
    assert {request.model_fields["type"].default for request in requests} == REQUESTS.keys()


def test_every_feature_has_a_test() -> None:
    assert FEATURES.keys() - shown().keys() == set()


def test_every_marker_names_a_feature() -> None:
    assert shown().keys() - FEATURES.keys() == set()


def test_the_table_is_up_to_date() -> None:
    assert TABLE.read_text() == table(), "make it anew: python -m tests.features"
