"""Inspection of a build: it reports each fault of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.stack.artifacts import imported_modules, inspect


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A build of empty folders."""
    for name in ("ChatFunction", "JanitorFunction", "SignInFunction", "StreamingLayer", "DependenciesLayer"):
        (tmp_path / name / "python").mkdir(parents=True)
    return tmp_path


def test_nothing_built_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make build"):
        inspect(tmp_path)


class TestInspection:
    def test_names_what_is_missing(self, broken: Path) -> None:
        faults = "\n".join(inspect(broken).faults)

        assert "DependenciesLayer lacks fastapi" in faults
        assert "StreamingLayer lacks awslambdaric" in faults
        assert "bootstrap is missing" in faults
        assert "ChatFunction lacks chat_api.handler" in faults
        assert "lacks runtime_client" in faults
        assert "pywin32" not in faults

    def test_names_what_is_too_much(self, broken: Path) -> None:
        (broken / "ChatFunction" / "tests").mkdir()
        (broken / "ChatFunction" / "module.py").write_text("import nowhere")
        (broken / "DependenciesLayer" / "python" / "x.so").write_bytes(b"\x7fELF" + bytes(14) + b"\x3e\x00")

        faults = "\n".join(inspect(broken).faults)

        assert "ChatFunction/tests must not be shipped" in faults
        assert "module.py imports nowhere" in faults
        assert "x.so is for ELF machine 62, not 183" in faults

    def test_sees_imports_inside_functions_but_not_those_for_types(self, tmp_path: Path) -> None:
        source = tmp_path / "module.py"
        source.write_text(
            "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    from c.d import e\nfrom . import g"
        )

        assert imported_modules(source) == {"b", "c"}

    def test_ignores_an_optional_import(self, tmp_path: Path) -> None:
        source = tmp_path / "module.py"
        optional = "try:\n    import fast\nexcept ImportError:\n    import slow\n"
        source.write_text(f"{optional}try:\n    import a\nexcept ValueError: ...")

        assert imported_modules(source) == {"a", "slow"}
