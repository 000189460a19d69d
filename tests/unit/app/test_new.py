"""`make new`: each starting point is a valid folder, and an existing one is kept."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools import ROOT
from tools.app.folder import App, AppError, extended
from tools.app.new import STARTS, create
from tools.stack.template import read_template


@pytest.mark.feature("new-app")
@pytest.mark.parametrize("start", STARTS)
def test_creates_a_valid_folder(tmp_path: Path, start: str) -> None:
    files = {path.name: path.read_text() for path in create("coffee shop", start, tmp_path)}
    app = App.read(tmp_path)

    assert app is not None
    assert app.settings["ASSISTANT"] == "app.assistant:build"
    assert [path.name for path in app.shipped()] == ["__init__.py", "assistant.py"]
    assert extended(read_template(), app)
    assert {"app.toml", "iam.json", "requirements.txt", "README.md", "test_assistant.py"} < files.keys()
    for name, text in files.items():
        assert "Sample" not in text, name
        assert "examples." not in text, name
        if name.endswith(".py"):
            ast.parse(text)


def test_brings_every_text_of_the_page(tmp_path: Path) -> None:
    create("coffee shop", "agents", tmp_path)
    brand = (tmp_path / "app" / "web" / "brand.ts").read_text()
    interface = re.search(r"interface Brand \{(.*?)\n\}", (ROOT / "frontend/src/brand.ts").read_text(), re.DOTALL)
    assert interface is not None

    fields = re.findall(r"^  (\w+)\??:", interface[1], re.MULTILINE)

    assert 'NAME = "Coffee Shop"' in brand
    assert len(fields) > 5
    assert {field: brand.count(f"    {field}: ") for field in fields} == dict.fromkeys(fields, 2)


def test_bedrock_brings_its_service_and_its_rights(tmp_path: Path) -> None:
    create("shop", "bedrock", tmp_path)
    app = App.read(tmp_path)

    assert app is not None
    assert (app.services, app.real) == (("bedrock-runtime",), ("bedrock-runtime",))
    assert app.statements[0]["Action"] == ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    assert app.parameters(read_template())["OpenAIModel"].startswith("eu.anthropic.")


def test_keeps_an_existing_folder(tmp_path: Path) -> None:
    create("shop", "agents", tmp_path)
    (tmp_path / "app" / "assistant.py").write_text("mine")

    with pytest.raises(AppError, match="exists already"):
        create("shop", "agents", tmp_path)
    assert (tmp_path / "app" / "assistant.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "start", "remedy"), [("", "agents", "NAME="), ("9x", "agents", "NAME="), ("shop", "azure2", "FROM=azure2")]
)
def test_refuses_what_it_cannot_create(tmp_path: Path, name: str, start: str, remedy: str) -> None:
    with pytest.raises(AppError, match=remedy):
        create(name, start, tmp_path)
    assert not (tmp_path / "app").exists()
