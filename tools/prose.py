"""Counts of the phrases that STYLE-conscious readers stumble over, per 10,000 words of prose.

    rates = measure(read_prose(ROOT))
    rates["headless what"]      # 7.2 per 10,000 words

Prose is every docstring and comment in Python, every message (a string of at least four words) of code that is not a
test, every comment in TypeScript, YAML, TOML and the Makefiles, and every Markdown file. The phrases are the ones that
made this project hard to read: "what it does" as a noun, "is no X", "nobody", and "beside". For comparison, h11 has 11
of the first kind per 10,000 words, and Mangum, httpx and Starlette have less than 2 (counted 2026-11-28).
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PHRASES = {
    "headless what": re.compile(
        r"\b[Ww]hat (?:is|was|has|came|comes|can|must|may|would|it|a|the|an|one|they|we|this|that|its|only|does|makes|"
        r"there)\b(?![^.\n]{0,80}\?)"
    ),
    "is no": re.compile(r"\b(?:is|are|was|were|be|becomes?) no (?!longer\b|more\b)[a-z]+"),
    "nobody": re.compile(r"\b(?:[Nn]obody|[Ss]omebody)\b"),
    "beside": re.compile(r"\b[Bb]eside\b"),
}
LIMITS = {"headless what": 15.0, "is no": 3.0, "nobody": 1.0, "beside": 1.0}
"""Occurrences per 10,000 words that a test accepts."""
HEADLESS = ("What", "Which", "Who", "How", "Whether")
SKIPPED = {".git", ".venv", ".tools", ".aws-sam", ".local", "node_modules", "dist", "__pycache__", ".hypothesis"}


@dataclass(frozen=True)
class Prose:
    """The prose of one file, and the first line of its module docstring if it has one."""

    path: Path
    text: str
    first_line: str | None = None


@dataclass(frozen=True)
class Hit:
    """One occurrence of a phrase."""

    path: Path
    phrase: str
    excerpt: str


def read_prose(root: Path) -> list[Prose]:
    """Return the prose of all files below `root`."""
    found: list[Prose] = []
    for path in sorted(_files(root)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            found.append(_python(path, text))
        elif path.suffix in {".ts", ".tsx"}:
            found.append(Prose(path, "\n".join(re.findall(r"/\*.*?\*/|(?:^|\s)//[^\n]*", text, re.DOTALL))))
        elif path.suffix == ".md":
            found.append(Prose(path, re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
        else:
            found.append(Prose(path, "\n".join(re.findall(r"(?:^|\s)#[^\n]*", text))))
    return found


def words(prose: list[Prose]) -> int:
    """Return the number of words."""
    return sum(len(each.text.split()) for each in prose)


def hits(prose: list[Prose]) -> list[Hit]:
    """Return every occurrence of a counted phrase."""
    return [
        Hit(each.path, phrase, " ".join(each.text[max(0, match.start() - 30) : match.end() + 30].split()))
        for each in prose
        for phrase, pattern in PHRASES.items()
        for match in pattern.finditer(each.text)
    ]


def measure(prose: list[Prose]) -> dict[str, float]:
    """Return the occurrences of each phrase per 10,000 words."""
    total, found = words(prose), hits(prose)
    return {phrase: sum(hit.phrase == phrase for hit in found) / total * 10_000 for phrase in PHRASES}


def headless_modules(prose: list[Prose]) -> list[Path]:
    """Return the modules whose docstring starts with a relative clause instead of a noun phrase or an imperative."""
    return [each.path for each in prose if each.first_line and each.first_line.split()[0].strip(",:") in HEADLESS]


def _files(root: Path) -> Iterator[Path]:
    for path in root.iterdir():
        if path.name in SKIPPED or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.suffix in {".py", ".ts", ".tsx", ".md", ".yaml", ".toml", ".mk"} or path.name == "Makefile":
            yield path


def _python(path: Path, source: str) -> Prose:
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [text for node in nodes if isinstance(node, kinds) and (text := ast.get_docstring(node))]
    attributes = [text for node in nodes if isinstance(node, ast.Expr) and (text := _string(node.value))]
    strings = [text for node in nodes if (text := _string(node))]
    messages = [] if "tests" in path.parts else [text for text in strings if len(text.split()) >= 4]
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    first = ast.get_docstring(tree)
    texts = dict.fromkeys([*docstrings, *(inspect.cleandoc(text) for text in (*attributes, *messages)), *comments])
    return Prose(path, "\n".join(texts), first.splitlines()[0] if first else None)


def _string(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
