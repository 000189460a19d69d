"""Build steps of app/: the code that is shipped, and the words for packages that cannot be installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.app.build import copy_code, explain, requirements, services
from tools.app.folder import App, AppError


@pytest.fixture
def app(tmp_path: Path) -> App:
    folder = tmp_path / "app"
    (folder / "words").mkdir(parents=True)
    for name in ("assistant.py", "test_assistant.py", "words/de.json", "app.toml"):
        (folder / name).write_text("")
    app = App.read(tmp_path)
    assert app is not None
    return app


@pytest.mark.promise("B4")
def test_the_package_is_copied_without_its_tests(app: App, tmp_path: Path) -> None:
    copy_code(app, tmp_path / "function")

    copied = {path.relative_to(tmp_path / "function").as_posix() for path in (tmp_path / "function").rglob("*.*")}
    assert copied == {"app/assistant.py", "app/words/de.json"}


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (
            "Because pywin32>=307 has no wheels with a matching platform tag (e.g., `manylinux_2_28_aarch64`)",
            "pywin32 has no wheel for Lambda",
        ),
        (
            "Because all versions of docopt have no usable wheels and you require docopt",
            "docopt has no wheel for Lambda",
        ),
        ("Because shopp was not found in the package registry and you require shopp", "shopp is not in the package"),
        ("Because you require pydantic<2.10 and pydantic==2.14.3, we can conclude", "contradict each other"),
        ("error: File not found", "uv cannot install the packages"),
    ],
)
def test_a_failed_installation_has_a_cause_and_uvs_own_words(output: str, cause: str) -> None:
    message = explain(output, "Lambda")

    assert message.startswith("app/requirements.txt: ")
    assert cause in message
    assert message.endswith(output)


def test_requirements_without_comments() -> None:
    assert requirements("# none\n\nhumanize>=4 # pure\n") == ["humanize>=4"]


def test_an_unknown_service_is_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.toml").write_text('[aws]\nservices = ["bedrok"]\n')
    app = App.read(tmp_path)
    assert app is not None

    with pytest.raises(AppError, match="bedrok: not a service of boto3"):
        services(app)
