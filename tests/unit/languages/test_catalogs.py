"""Every sentence that a user can read has an entry in every catalog, and every entry a sentence."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from attachments_s3.content import LABELS
from attachments_s3.policy import ADVICE
from chat_api.settings import LimitSettings
from coach.accounts import ACCOUNTS, CATEGORIES
from languages import languages
from tools import ROOT

CHAT = ROOT / "functions" / "chat"
SPEAKING = {"say", "speech"}
LIBRARY_ERRORS = {
    ROOT / "attachments_s3" / "src" / "attachments_s3" / "errors.py": {"__init__"},
    ROOT / "store_dynamo" / "src" / "store_dynamo" / "query.py": {"InvalidQueryError"},
    ROOT / "store_dynamo" / "src" / "store_dynamo" / "search.py": {"InvalidQueryError"},
}
REFUSALS = {"ConflictError", "MissingGroupError", "NotFoundRequestError", "TooLargeError", "TooManyRequestsError"}
FOREIGN = {"hosted.py", "app.py"}
"""Modules of hosted mode, whose sentences only developers read."""
SHARED = {"something else", "damaged", "incomplete or damaged", "no type", "no encoding"}


def modules() -> list[Path]:
    return [path for path in CHAT.rglob("*.py") if "examples" not in path.parts and "__pycache__" not in path.parts]


def calls(path: Path, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                yield node


def sentences() -> set[str]:
    found = set[str]()
    for path in modules():
        for call in calls(path, SPEAKING):
            found |= {literal(path, call)}
    for path, names in LIBRARY_ERRORS.items():
        found |= {
            str(each.value) for call in calls(path, names) for each in call.args[:1] if isinstance(each, ast.Constant)
        }
        found |= {text for text in assigned(path, "template")}
    return found - {""}


def literal(path: Path, call: ast.Call) -> str:
    """Return the template of a call; the languages' own code passes one on."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant):
        return str(first.value)
    assert path.parent.name == "languages", f"{path.name}:{call.lineno}: the template must be a literal"
    return ""


def assigned(path: Path, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=str(text))) if found == name:
                yield text
            case _:
                pass


def terms() -> set[str]:
    """Return the values that sentences have, apart from names, numbers and the client's own words."""
    limits = {name for name in LimitSettings.model_fields if name.endswith(("_per_minute", "_per_day"))}
    counted = {name.removeprefix("user_").replace("_", " ") for name in limits if not name.startswith("all_")}
    capitals = {each.capitalize() for each in (*ACCOUNTS, *CATEGORIES)}
    labels = {*LABELS.values()} | {*ADVICE.values(), "Please choose another file."}
    return counted | capitals | labels | {*CATEGORIES} | SHARED


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.fixture(params=sorted(languages() - {"en"}))
def catalog(request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    return tomllib.loads((CHAT / "languages" / f"{request.param}.toml").read_text())


@pytest.mark.promise("B1")
@pytest.mark.feature("localisation")
def test_every_sentence_is_translated_and_every_entry_is_used(catalog: dict[str, dict[str, str]]) -> None:
    assert sentences() == set(catalog["sentences"])
    assert len(sentences()) > 80


def test_every_term_is_translated(catalog: dict[str, dict[str, str]]) -> None:
    assert terms() - set(catalog["terms"]) == set()


def test_translations_have_the_fields_of_their_sentences(catalog: dict[str, dict[str, str]]) -> None:
    wrong = {key: text for key, text in catalog["sentences"].items() if not fields(text) <= fields(key)}

    assert wrong == {}
    assert [text for section in catalog.values() for text in section.values() if not text.strip()] == []


def test_refusals_that_users_see_are_sentences() -> None:
    plain = [
        f"{path.name}:{call.lineno}"
        for path in modules()
        if path.name not in FOREIGN
        for call in calls(path, REFUSALS)
        if call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
    ]

    assert plain == []
