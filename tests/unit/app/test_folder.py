"""The folder app/: its description, every fault in one message, and the template that it extends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.app.folder import App, AppError, extended
from tools.stack.template import read_template

Write = Callable[..., App]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(toml: str = "", **files: str) -> App:
        folder = tmp_path / "app"
        folder.mkdir(exist_ok=True)
        (folder / "assistant.py").write_text("")
        (folder / "app.toml").write_text(toml)
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            (folder / f"{stem}.{suffix}").write_text(text)
        app = App.read(tmp_path)
        assert app is not None
        return app

    return write


def test_without_a_folder_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "app" / "__pycache__").mkdir(parents=True)

    assert App.read(tmp_path) is None
    assert extended(read_template(), None) == read_template()


@pytest.mark.promise("B4")
class TestSettings:
    def test_a_file_alone_is_an_assistant(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "assistant.py").write_text("")

        app = App.read(tmp_path)

        assert app is not None
        assert app.parameters(read_template()) == {"Assistant": "app.assistant:build"}

    def test_are_parameters_by_their_variable_or_their_name(self, write: Write) -> None:
        app = write('[settings]\nOPENAI_MODEL = "gpt-9"\nRetentionDays = 30\n')

        assert app.parameters(read_template()) == {
            "Assistant": "app.assistant:build",
            "OpenAIModel": "gpt-9",
            "RetentionDays": "30",
        }

    def test_an_unknown_one_is_refused_with_the_known_ones(self, write: Write) -> None:
        app = write('[settings]\nOPENAI_MODLE = "gpt-9"\n')

        with pytest.raises(AppError, match=r"OPENAI_MODLE: not a setting.*OPENAI_MODEL.*\[environment\]"):
            app.parameters(read_template())


class TestVariables:
    def test_may_differ_by_stage(self, write: Write) -> None:
        app = write('[environment]\nSHOP_URL = {dev = "a", prod = "b"}\nSHOP_LIMIT = 5\n')

        variables = extended(read_template(), app)["Resources"]["ChatFunction"]["Properties"]["Environment"][
            "Variables"
        ]

        assert variables["SHOP_URL"] == {"Fn::If": ["IsProd", "b", "a"]}
        assert variables["SHOP_LIMIT"] == "5"
        assert app.variables("dev") == {"SHOP_URL": "a", "SHOP_LIMIT": "5"}

    def test_a_shell_replaces_variables_and_secrets_only(self, write: Write) -> None:
        app = write('[environment]\nSHOP_URL = "a"\n[secrets]\nSHOP_KEY = "a key"\n')

        shell = {"SHOP_URL": "b", "SHOP_KEY": "k", "HOME": "/root"}

        assert app.from_shell(shell) == {"SHOP_URL": "b", "SHOP_KEY": "k"}

    def test_none_replaces_one_of_the_template(self, write: Write) -> None:
        app = write('[environment]\nTABLE_NAME = "mine"\n')

        with pytest.raises(AppError, match=r"TABLE_NAME.*\[settings\]"):
            extended(read_template(), app)


STATEMENT = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}


class TestRights:
    @pytest.mark.parametrize("content", [[STATEMENT], {"Version": "2012-10-17", "Statement": STATEMENT}])
    def test_join_the_functions_role(self, write: Write, content: Any) -> None:
        app = write(iam_json=json.dumps(content))

        policy = extended(read_template(), app)["Resources"]["AppAccess"]["Properties"]

        assert policy["Roles"] == [{"Ref": "ChatRole"}]
        assert policy["PolicyDocument"]["Statement"] == [STATEMENT]

    def test_secrets_bring_their_own(self, write: Write) -> None:
        template = extended(read_template(), write('[secrets]\nSHOP_KEY = "a key"\n'))

        resources = template["Resources"]
        assert resources["AppSecret"]["DeletionPolicy"] == resources["OpenAISecret"]["DeletionPolicy"]
        assert resources["AppAccess"]["Properties"]["PolicyDocument"]["Statement"] == [
            {
                "Sid": "AppSecret",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": {"Fn::GetAtt": ["AppSecret", "Id"]},
            }
        ]
        assert template["Outputs"]["AppSecretArn"]["Value"] == {"Fn::GetAtt": ["AppSecret", "Id"]}


def test_a_service_of_the_stack_itself_cannot_be_real(write: Write) -> None:
    with pytest.raises(AppError, match="s3 cannot be real"):
        write('[aws]\nreal = ["s3"]\n')


def test_every_fault_is_in_one_message(write: Write) -> None:
    with pytest.raises(AppError) as raised:
        write(
            '[environment]\nshop = "a"\nAWS_REGION = "b"\nBOTH = "c"\n[secrets]\nBOTH = "d"\n[sevices]\nx = 1\n'
            '[aws]\nservices = "bedrock-runtime"\nregion = []\n',
            iam_json='[{"Effect": "allow", "Principal": "*"}]',
        )

    message = str(raised.value)
    for part in (
        "[environment] shop:",
        "[environment] AWS_REGION:",
        "BOTH is in [environment] and in [secrets]",
        "[sevices] is unknown: use [aws], [environment], [secrets], [settings]",
        '[aws] services must be a list, for example services = ["bedrock-runtime"]',
        "[aws] region is unknown",
        'iam.json: statement 1 needs "Effect"',
        "statement 1 has Principal",
        'statement 1 needs "Action"',
        'statement 1 needs "Resource"',
    ):
        assert part in message


@pytest.mark.parametrize(("name", "text"), [("app.toml", "[settings"), ("iam.json", "{"), ("iam.json", "3")])
def test_an_unreadable_file_is_named(write: Write, name: str, text: str) -> None:
    with pytest.raises(AppError, match=name):
        write(**{name.replace(".", "_"): text})


def test_ships_code_and_data_but_no_tests_and_no_description(write: Write) -> None:
    app = write(iam_json="[]", test_x_py="", requirements_txt="", faq_md="hours")
    for name in (
        "words/de.json",
        "words/test_words.py",
        "web/brand.ts",
        "__pycache__/a.pyc",
        "docs/README.md",
        ".env",
    ):
        path = app.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")

    assert [str(path) for path in app.shipped()] == ["assistant.py", "docs/README.md", "faq.md", "words/de.json"]
