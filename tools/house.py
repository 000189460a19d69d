"""Structure report: the size and the readability of this tree next to those of version 0.1.0.

    python -m tools.house

Counts modules, copies of the composition, lists of source paths, phrases that obscure the prose, and identical
passages, both here and in the tree of 0.1.0, which is read from the git history.
The files of one turn are counted by running it.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from tools import ROOT
from tools.prose import PHRASES, headless_modules, measure, read_prose

BEFORE = "4a42db4"
"""The commit of version 0.1.0."""
FILES_OF_A_TURN_BEFORE = 61  # counted at 0.1.0 with the profiler below
SHIPPED = ("functions", "store_dynamo", "attachments_s3", "layers")
CODE = ("functions", "store_dynamo", "attachments_s3", "layers", "local", "ops", "bench", "tools")
IDENTICAL_LINES = 10
PATH_LIST = re.compile(
    r"functions/(?:chat|janitor)\b[^\n]*functions/(?:janitor|chat)\b[^\n]*layers/streaming/(?:python|src)"
)

Row = tuple[str, Callable[[Path], float]]


def shipped_modules(tree: Path) -> float:
    """Count the modules that reach AWS, without `__init__`."""
    return len([path for folder in SHIPPED for path in _modules(tree / folder) if "testing" not in path.parts])


def chat_api_modules(tree: Path) -> float:
    """Count the modules of `chat_api`."""
    return len(list(_modules(tree / "functions" / "chat" / "chat_api")))


def composition_roots(tree: Path) -> float:
    """Count the files that wire admission, limits and checks together."""
    return len([path for path in _python(tree) if "Admission" in _called(path)])


def path_lists(tree: Path) -> float:
    """Count the settings and sources that list the import folders by hand."""
    files = [tree / "Makefile", tree / "pyproject.toml", *_python(tree)]
    return sum(len(PATH_LIST.findall(path.read_text())) for path in files)


def identical_passages(tree: Path) -> float:
    """Count pairs of files that share at least ten consecutive lines of code."""
    places: defaultdict[tuple[str, ...], set[Path]] = defaultdict(set)
    for folder in CODE:
        for path in (tree / folder).rglob("*.py") if (tree / folder).is_dir() else ():
            lines = [line.strip() for line in path.read_text().splitlines()]
            code = [line for line in lines if len(line) > 1 and not line.startswith(("#", "import ", "from "))]
            for start in range(len(code) - IDENTICAL_LINES + 1):
                places[tuple(code[start : start + IDENTICAL_LINES])].add(path)
    return len({frozenset(paths) for paths in places.values() if len(paths) > 1})


def phrase(name: str) -> Callable[[Path], float]:
    """Return a function that counts a phrase per 10,000 words."""
    return lambda tree: round(measure(read_prose(tree))[name], 1)


ROWS: list[Row] = [
    ("shipped modules", shipped_modules),
    ("modules of chat_api", chat_api_modules),
    ("copies of the composition", composition_roots),
    ("lists of source paths", path_lists),
    (f"pairs of files with {IDENTICAL_LINES} identical lines", identical_passages),
    ("docstrings that start with What, Who …", lambda tree: len(headless_modules(read_prose(tree)))),
    *((f"“{name}” per 10,000 words", phrase(name)) for name in PHRASES),
]


def files_of_a_turn() -> int:
    """Run the first turn of a thread in this process and count our files that it enters, without tools and tests."""
    from tools.fuzz.site import Site
    from tools.local.function.payload import HttpRequest

    entered: set[str] = set()
    folders = tuple(str(ROOT / folder) for folder in SHIPPED)

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folders) and "<" not in frame.f_code.co_name:
            entered.add(frame.f_code.co_filename)

    with Site.open() as site:
        request = _first_message(site.tokens["ana"], HttpRequest)
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            response = site.send(request)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    assert response.status == 200
    return len(entered)


def main() -> int:
    """Print the report; return the exit code."""
    table = Table("figure", "0.1.0", "now", box=None)
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("counting"):
        before = _tree_of(BEFORE, Path(folder))
        for name, count in ROWS:
            table.add_row(name, f"{count(before):g}", f"{count(ROOT):g}")
        table.add_row("files of a turn", str(FILES_OF_A_TURN_BEFORE), str(files_of_a_turn()))
    console.print(table)
    return 0


def _first_message(token: str, request: Callable[..., Any]) -> Any:
    import json
    import uuid

    from tools.client.chatkit import create_thread

    headers = [("x-auth-token", token), ("content-type", "application/json"), ("x-turn-id", f"turn_{uuid.uuid4().hex}")]
    body = json.dumps(create_thread("What are my balances?")).encode()
    return request("POST", "/chatkit", headers, body, "127.0.0.1")


def _tree_of(commit: str, folder: Path) -> Path:
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _called(path: Path) -> set[str]:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def _modules(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.py") if path.name != "__init__.py")


def _python(tree: Path) -> Iterator[Path]:
    for folder in (*CODE, "tests"):
        yield from (tree / folder).rglob("*.py") if (tree / folder).is_dir() else ()


if __name__ == "__main__":
    sys.exit(main())
