"""Settings: the error for an invalid environment names every fault without quoting a value."""

from __future__ import annotations

import re

import pytest

from chat_api.settings import ORIGIN, Settings
from function_setup import SettingsError, read_settings
from tools.ops.checks.account import models_of
from tools.stack.template import read_template

GOOD = {
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "COGNITO_ISSUER": "https://cognito-idp.eu-west-1.amazonaws.com/pool",
    "COGNITO_JWKS_URL": "https://cognito-idp.eu-west-1.amazonaws.com/pool/.well-known/jwks.json",
    "COGNITO_CLIENT_ID": "client",
    "OPENAI_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:key",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_issuer_is_what_tokens_state() -> None:
    assert read_settings(Settings).issuer == GOOD["COGNITO_ISSUER"]


def test_origins_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example, https://b.example,")

    assert read_settings(Settings).allowed_origins == ("https://a.example", "https://b.example")


def test_the_menu_of_models_has_names_and_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODELS", "gpt-6.1-sol=GPT-6.1 Sol, openai/gpt-6-luna,llama3.3:70b=Llama,")

    menu = read_settings(Settings).openai_models

    assert menu == (
        ("gpt-6.1-sol", "GPT-6.1 Sol"),
        ("openai/gpt-6-luna", "openai/gpt-6-luna"),
        ("llama3.3:70b", "Llama"),
    )


SHUTDOWNS = {
    "gpt-5": "2026-12-11",
    "gpt-5-mini": "2026-12-11",
    "gpt-4.1": "2027-01-14",
    "gpt-4o": "2027-01-14",
    "whisper-1": "2027-02-26",
    "gpt-4o-mini-transcribe": "2027-02-26",
    "gpt-4o-transcribe": "2027-02-26",
    "gpt-5.1": "2027-04-01",
}
"""Known on 28 November 2026: https://developers.openai.com/api/docs/deprecations."""


@pytest.mark.feature("model-lifecycle")
def test_no_shipped_model_has_a_shutdown_date() -> None:
    parameters = {name: str(each.get("Default", "")) for name, each in read_template()["Parameters"].items()}

    assert models_of(parameters)
    assert not SHUTDOWNS.keys() & {*models_of(parameters), Settings.model_fields["openai_model"].default}


BAD_ORIGINS = [
    "*",
    "null",
    "https://*.example.com",
    "https://",
    "https://a..example",
    "https://a.example/",
    "https://a.example/chat",
    "https://a.example?x",
    "https://user@a.example",
    "https://A.example",
    "https://bücher.example",
    "https://a.example:",
    "https://a.example:0",
    "https://a.example:123456",
    "https://a.example https://b.example",
    "https://a.example;https://b.example",
    "https://-a.example",
    "http://a.example",
    "http://localhost.example",
    "a.example",
    "//a.example",
    "file://",
    "chrome-extension://abc",
    "'https://a.example'",
    "true",
]
GOOD_ORIGINS = [
    "https://a.example",
    "https://a-b.example:8443",
    "http://localhost:5173",
    "http://127.0.0.1",
    "https://intranet",
]


@pytest.mark.promise("H1")
@pytest.mark.parametrize("origin", BAD_ORIGINS)
@pytest.mark.parametrize("others", ["", "https://b.example,"])
def test_an_origin_that_no_single_page_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, others: str, origin: str
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", f"{others}{origin}")

    with pytest.raises(SettingsError, match=r"ALLOWED_ORIGINS: .*must be origins like"):
        read_settings(Settings)


def test_the_template_takes_the_same_origins() -> None:
    pattern = read_template()["Parameters"]["AllowedOrigins"]["AllowedPattern"]

    accepted = [origin for origin in (*BAD_ORIGINS, *GOOD_ORIGINS) if re.fullmatch(pattern[1:-1], origin)]

    assert accepted == [origin for origin in GOOD_ORIGINS if ORIGIN.fullmatch(origin)] == GOOD_ORIGINS
    assert re.fullmatch(pattern[1:-1], ",".join(GOOD_ORIGINS))


def test_empty_values_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "")

    assert read_settings(Settings).retention_days is None


def test_every_fault_is_named_and_no_value_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_NAME")
    monkeypatch.setenv("COGNITO_ISSUER", "secret-nonsense")
    monkeypatch.setenv("RETENTION_DAYS", "secret-days")

    with pytest.raises(SettingsError) as caught:
        read_settings(Settings)

    assert all(name in str(caught.value) for name in ("TABLE_NAME", "COGNITO_ISSUER", "RETENTION_DAYS"))
    assert "secret-" not in str(caught.value)


def test_a_key_must_come_from_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_SECRET_ARN")

    with pytest.raises(SettingsError, match="OPENAI_SECRET_ARN"):
        read_settings(Settings)


def test_limits_of_files_are_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENTS", '{"max_image_mb": 5}')

    assert read_settings(Settings).attachments.max_image_mb == 5
    assert read_settings(Settings).attachments.max_pdf_mb == 50


def test_misspelt_limit_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENTS", '{"max_picture_mb": 5}')

    with pytest.raises(SettingsError, match="ATTACHMENTS"):
        read_settings(Settings)
