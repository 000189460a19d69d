"""Settings: each variable of the README's table works in the shell, template.yaml, samconfig.toml and app/app.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat_api.settings import Settings
from function_setup import read_settings
from tests.unit.chat_api.test_settings import GOOD
from tools import ROOT
from tools.app.folder import App
from tools.local.openai.server import API_KEY
from tools.local.settings import LocalSettings
from tools.stack.environment import Environment
from tools.stack.operator import DeploymentError
from tools.stack.parameters import Origin, effective, overrides, parse, values_of
from tools.stack.template import read_template

TABLE = (ROOT / "README.md").read_text().partition("## Settings of the chat function")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \|", TABLE, re.MULTILINE))
"""Parameters by variable."""
OF_THE_STACK = set(re.findall(r"`([A-Z_]+)`", TABLE.partition("The stack sets these variables itself")[2]))
INTERNAL = {"APP_SECRET_ARN", "METRICS_NAMESPACE", "OPENAI_API_KEY", "RESERVED_CONCURRENCY", "SHOW_ERRORS"}
SAMPLES = {
    "ASSISTANT": "examples.echo:build",
    "OPENAI_MODEL": "meta-llama/Llama-3.3:70b",
    "OPENAI_MODELS": "a/b:c=A model,d",
    "REASONING_EFFORT": "high",
    "TRANSCRIPTION_MODEL": "openai/whisper",
    "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
    "ALLOWED_ORIGINS": "https://a.example,https://b.example",
    "ATTACHMENTS": '{"max_image_mb": 5}',
    "LIMITS": '{"turns_per_day": 100, "turns_per_minute": null}',
    "REQUIRED_GROUP": "staff",
    "WORKFLOW_ID": "wf_1",
    "RETENTION_DAYS": "30",
    "THREAD_ORDER": "activity",
    "LOAD": "init",
    "LEAN_IMPORTS": "off",
    "JOURNAL_SECONDS": "0.5",
    "LOG_LEVEL": "ERROR",
}
TEMPLATE = read_template()


def read(shell: dict[str, str], app: App | None = None) -> LocalSettings:
    return LocalSettings.read(TEMPLATE, shell, app)


@pytest.mark.feature("local-settings")
@pytest.mark.promise("B1")
class TestFourPlaces:
    def test_the_table_has_every_setting(self) -> None:
        assert ROWS.keys() == SAMPLES.keys()
        assert ROWS.keys() | OF_THE_STACK | INTERNAL == {
            *(name.upper() for name in Settings.model_fields),
            "LAMBDA_STREAMING_ENTRY",
        }

    @pytest.mark.parametrize("variable", SAMPLES)
    def test_template(self, variable: str) -> None:
        variables = TEMPLATE["Resources"]["ChatFunction"]["Properties"]["Environment"]["Variables"]

        assert variables[variable] == {"Ref": ROWS[variable]}

    @pytest.mark.parametrize("variable", SAMPLES)
    def test_shell(self, variable: str) -> None:
        settings = read({variable: SAMPLES[variable]})

        assert settings.parameters[ROWS[variable]] == SAMPLES[variable]
        assert settings.of(variable).origin is Origin.SHELL
        assert not settings.warnings

    @pytest.mark.parametrize("variable", SAMPLES)
    def test_app(self, variable: str, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "app.toml").write_text(f"[settings]\n{variable} = '{SAMPLES[variable]}'\n")

        settings = read({}, App.read(tmp_path))

        assert settings.parameters[ROWS[variable]] == SAMPLES[variable]
        assert settings.of(variable).origin is Origin.APP

    @pytest.mark.parametrize("variable", SAMPLES)
    def test_samconfig(self, variable: str, tmp_path: Path) -> None:
        file = tmp_path / "samconfig.toml"
        file.write_text(
            "[dev.deploy.parameters]\nstack_name = 'x'\n"
            f"parameter_overrides = {{ {ROWS[variable]} = '{SAMPLES[variable]}' }}\n"
        )
        configured = Environment.of("dev", file).parameters

        values = values_of(effective(TEMPLATE, {"WorkflowId": "wf_1"}, configured, {}))

        assert values[ROWS[variable]] == SAMPLES[variable]
        assert parse(overrides(values)) == values  # as the SAM CLI gets them

    @pytest.mark.parametrize("variable", SAMPLES)
    def test_process(self, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in GOOD.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv(variable, raising=False)
        before = read_settings(Settings)
        monkeypatch.setenv(variable, SAMPLES[variable])

        assert getattr(read_settings(Settings), variable.lower()) != getattr(before, variable.lower())


@pytest.mark.promise("B1")
class TestEndpoint:
    def test_an_endpoint_needs_no_key_and_no_local_model(self) -> None:
        settings = read({"OPENAI_BASE_URL": "http://gateway.internal/v1", "OPENAI_MODEL": "llama3"})

        assert not settings.uses_local_model
        assert settings.environment == {"OPENAI_BASE_URL": "http://gateway.internal/v1", "OPENAI_API_KEY": API_KEY}

    def test_a_key_belongs_to_the_endpoint(self) -> None:
        settings = read({"OPENAI_BASE_URL": "http://gateway.internal/v1", "OPENAI_API_KEY": " sk-own\n"})

        assert settings.environment == {"OPENAI_BASE_URL": "http://gateway.internal/v1", "OPENAI_API_KEY": "sk-own"}

    def test_a_key_alone_is_openais(self) -> None:
        assert read({"OPENAI_API_KEY": "sk-own"}).environment == {"OPENAI_API_KEY": "sk-own"}

    @pytest.mark.parametrize("key", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": "  "}])
    def test_without_both_the_local_model_answers(self, key: dict[str, str]) -> None:
        assert read(key).uses_local_model

    @pytest.mark.parametrize("address", ["", "localhost:11434/v1", "http://", "gateway", "http://a b/v1"])
    def test_what_is_not_an_address_starts_nothing(self, address: str) -> None:
        with pytest.raises(DeploymentError, match="an address such as"):
            read({"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "sk-own"})

    @pytest.mark.parametrize(
        "name", ["OPENAI_API_BASE", "OPENAI_BASEURL", "OPENAI_HOST", "OPENAI_URL", "openai_base_url"]
    )
    def test_an_address_under_another_name_starts_nothing(self, name: str) -> None:
        with pytest.raises(DeploymentError, match="the endpoint is OPENAI_BASE_URL"):
            read({name: "http://gateway.internal/v1", "OPENAI_API_KEY": "sk-own"})


@pytest.mark.promise("B1")
class TestWarnings:
    @pytest.mark.parametrize("name", sorted(OF_THE_STACK))
    def test_a_variable_that_the_stack_sets(self, name: str) -> None:
        assert read({name: "x"}).warnings == (
            f"{name} is set in your shell and not used: the local stack has its own value",
        )

    @pytest.mark.parametrize(
        "name", ["OPENAI_ORG_ID", "LIMIT", "ASSISTENT", "LOGLEVEL", "REQUIRED_GROUPS", "assistant"]
    )
    def test_a_variable_that_resembles_a_setting(self, name: str) -> None:
        (warning,) = read({name: "x"}).warnings

        assert warning.startswith(f"{name} is set in your shell and not used")

    def test_other_variables_of_a_shell_are_not_mentioned(self) -> None:
        shell = {
            "PATH": "/bin",
            "HOME": "/",
            "LANG": "C",
            "AWS_PROFILE": "dev",
            "TERM": "x",
            "USER": "a",
            "LOGNAME": "a",
        }

        assert not read(shell).warnings

    def test_an_empty_variable_counts_as_unset(self) -> None:
        settings = read({"OPENAI_MODEL": ""})

        assert settings.warnings == ("OPENAI_MODEL is empty in your shell and counts as unset",)
        assert settings.of("OPENAI_MODEL").origin is Origin.TEMPLATE

    def test_the_shell_precedes_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "app.toml").write_text("[settings]\nOPENAI_MODEL = 'ours'\n")

        assert read({"OPENAI_MODEL": "mine"}, App.read(tmp_path)).of("OPENAI_MODEL").value == "mine"

    @pytest.mark.parametrize("text", ["{", "[]", '{"turns_per_dya": 1}', '{"turns_per_day": 0}', "5"])
    def test_limits_that_the_function_would_refuse(self, text: str) -> None:
        with pytest.raises(DeploymentError, match=r"Limits=.* \(your shell\) is not allowed"):
            read({"LIMITS": text})

    def test_the_printed_settings_have_their_origin(self) -> None:
        *chosen, defaults = read({"OPENAI_MODEL": "mine"}).lines()

        assert chosen == ["OPENAI_MODEL=mine  (your shell)"]
        assert "LIMITS={}" in defaults
