"""References in the Markdown files lead somewhere: links, anchors, repository paths, and names of tests.

Anchors follow GitHub's rule: a heading in lower case, without punctuation, with a hyphen for each space.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tools import ROOT

FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)|(?:src|href)="([^"]+)\"""")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
HEADING = re.compile(r"^#{1,6} +(.+?) *#* *$", re.MULTILINE)
FOLDERS = (
    "attachments_s3",
    "docs",
    "frontend",
    "functions",
    "layers",
    "requirements",
    "store_dynamo",
    "tests",
    "tools",
)
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+\.(?:css|html|json|md|mjs|py|toml|tsx?|txt|yaml)")
TEST = re.compile(r"test_\w+(?!\.py|/)\b|Test[A-Z]\w+")
HISTORY = "CHANGELOG.md"
"""Its older sections name files as they were; links in it must still lead somewhere."""


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the tree that match, new ones included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()})


DOCUMENTS = [str(path.relative_to(ROOT)) for path in tracked("*.md")]


def prose(text: str) -> str:
    return FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Return the targets of relative links and images, without those inside code."""
    found = (markdown or html for markdown, html in LINK.findall(CODE.sub("", prose(text))))
    return [target for target in found if not SCHEME.match(target) and not target.startswith("//")]


def code_spans(text: str) -> list[str]:
    return CODE.findall(prose(text))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings; a repeated heading gets a number."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for heading in HEADING.findall(prose(text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@cache
def names_of_tests() -> str:
    """Return the names of all functions and classes of the tests, each in a line of its own."""
    sources = (path.read_text() for path in tracked("tests/*.py", "tests/**/*.py"))
    return "\n" + "\n".join(name for source in sources for name in re.findall(r"\b(?:def|class) (\w+)", source))


def broken(document: Path, target: str) -> str | None:
    """Return the fault of a link in `document`, None for a good one."""
    path, _, anchor = target.partition("#")
    file = (document.parent / unquote(path)).resolve() if path else document
    if not file.exists():
        return f"{target}: no such file"
    if anchor and (file.suffix != ".md" or unquote(anchor) not in anchors(file.read_text())):
        return f"{target}: no such heading"
    return None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings(name):
    document = ROOT / name

    faults = [fault for target in links(document.read_text()) if (fault := broken(document, target))]

    assert faults == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != HISTORY])
def test_paths_in_code_spans_exist(name):
    """A file `my_….py` is the reader's own."""
    paths = [Path(span) for span in code_spans((ROOT / name).read_text()) if PATH.fullmatch(span)]

    assert [str(path) for path in paths if not (ROOT / path).exists() and not path.name.startswith("my_")] == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != HISTORY])
def test_tests_in_code_spans_exist(name):
    """A name may end with an ellipsis."""
    spans = [span.rstrip("…") for span in code_spans((ROOT / name).read_text())]

    assert [span for span in spans if TEST.fullmatch(span) and f"\n{span}" not in names_of_tests()] == []


@pytest.mark.parametrize(
    ("index", "folder"), [("docs/README.md", "docs"), ("docs/decisions/README.md", "docs/decisions")]
)
def test_an_index_has_every_page(index, folder):
    document = ROOT / index
    listed = {(document.parent / target.partition("#")[0]).resolve() for target in links(document.read_text())}
    pages = {ROOT / name for name in DOCUMENTS if name.startswith(f"{folder}/")} - {document}
    if folder == "docs":
        pages = {page for page in pages if page.parent.name != "decisions"}

    assert sorted(str(page.relative_to(ROOT)) for page in pages - listed) == []


def test_decisions_have_one_form_of_title():
    titles = {path.name: path.read_text().splitlines()[0] for path in tracked("docs/decisions/*-*.md")}

    wrong = {name: title for name, title in titles.items() if not title.startswith(f"# {int(name[:4])} · ")}

    assert wrong == {}


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("operations.md", None),
        ("operations.md#limits", None),
        ("#limits", None),
        ("../operate", None),
        ("missing.md", "missing.md: no such file"),
        ("#missing", "#missing: no such heading"),
        ("operations.md#missing", "operations.md#missing: no such heading"),
    ],
)
def test_a_broken_link_is_found(tmp_path, target, fault):
    folder = tmp_path / "operate"
    folder.mkdir()
    document = folder / "operations.md"
    document.write_text("# Operations\n\n## Limits\n")

    assert broken(document, target) == fault


def test_links_in_code_are_not_links():
    assert links('[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n<img src="g.png">\n[h](https://i)') == ["b.md", "g.png"]


def test_anchors_are_githubs():
    text = "# What 1 000 turns cost\n## `config.json`\n## A [link](x.md), twice\n## A link, twice\n"

    assert anchors(text) == {"what-1-000-turns-cost", "configjson", "a-link-twice", "a-link-twice-1"}
