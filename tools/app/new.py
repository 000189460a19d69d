"""`make new NAME=shop [FROM=agents]`: create the folder `app/` with an assistant, its test and its settings.

create("shop", "agents", root)        # returns the new files
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.app.folder import PACKAGE, AppError

SCAFFOLDS = Path(__file__).parent / "scaffolds"
EXAMPLES = ROOT / "functions" / "chat" / "examples"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
BEDROCK_RIGHTS = [
    {
        "Sid": "Bedrock",
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        "Resource": [
            {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*::foundation-model/*"},
            {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:inference-profile/*"},
        ],
    }
]


@dataclass(frozen=True)
class Start:
    """A starting point: the assistant and its test, and what it adds to app.toml and iam.json."""

    assistant: Path
    test: Path = SCAFFOLDS / "test_assistant.txt"
    app_toml: Mapping[str, str] = field(default_factory=dict[str, str])
    """Lines of the scaffold's app.toml, with their replacements."""
    rights: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


STARTS = {
    "agents": Start(SCAFFOLDS / "agents.py"),
    "plain": Start(EXAMPLES / "plain_openai.py"),
    "bedrock": Start(
        EXAMPLES / "bedrock.py",
        SCAFFOLDS / "test_bedrock.txt",
        {
            "# OPENAI_MODEL = ": f'OPENAI_MODEL = "{MODEL}"\n# OPENAI_MODEL = ',
            "services = []": 'services = ["bedrock-runtime"]',
            "real = []": 'real = ["bedrock-runtime"]',
        },
        BEDROCK_RIGHTS,
    ),
}
NEXT = """\
app/ is yours: {name} with {count} files.
  make dev               starts it at http://localhost:5173
  make test ARGS=app     runs its tests
  app/assistant.py       is the place to start; docs/use/app.md explains the other files"""


def create(name: str, start: str, root: Path = ROOT) -> list[Path]:
    """Create the folder below `root` and return its files. Raises AppError."""
    if start not in STARTS:
        raise AppError(f"FROM={start} is unknown: use one of {', '.join(STARTS)}")
    if not NAME.fullmatch(name):
        raise AppError(f"NAME={name!r}: begin with a letter, then letters, digits, spaces, - or _: make new NAME=shop")
    folder = root / PACKAGE
    if folder.exists() and any(folder.iterdir()):
        raise AppError("app/ exists already and holds an assistant: rename or delete it first, or edit it")
    folder.mkdir(exist_ok=True)
    for path, text in _files(name, STARTS[start]).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _files(name: str, start: Start) -> dict[str, str]:
    words = re.split(r"[ _-]+", name.strip(" _-"))
    title = " ".join(word[0].upper() + word[1:] for word in words if word)
    class_name = title.replace(" ", "")

    def filled(path: Path) -> str:
        text = path.read_text()
        if path.parent == EXAMPLES:
            return re.sub(rf"\b{EXAMPLES.name}\.{path.stem}:", f"{PACKAGE}.assistant:", text)
        return re.sub(r"\b(class|return) Sample\b", rf"\1 {class_name}", text).replace("Sample", title)

    toml = filled(SCAFFOLDS / "app.toml")
    for old, new in start.app_toml.items():
        toml = toml.replace(old, new)
    return {
        "__init__.py": f'"""{title}: the assistant and everything that belongs to it."""\n',
        "assistant.py": filled(start.assistant),
        "test_assistant.py": filled(start.test),
        "app.toml": toml,
        "iam.json": json.dumps(start.rights, indent=2) + "\n",
        "requirements.txt": "# Packages besides those of requirements/functions.txt, for example rapidfuzz>=3\n",
        "web/brand.ts": filled(SCAFFOLDS / "brand.ts"),
        "README.md": filled(SCAFFOLDS / "README.md"),
    }


def main() -> int:
    """Create the folder and print the next steps; return the exit code."""
    parser = argparse.ArgumentParser(prog="make new", description="Create app/")
    parser.add_argument("name")
    parser.add_argument("start", nargs="?", default="agents")
    arguments = parser.parse_args()
    try:
        files = create(arguments.name, arguments.start)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(NEXT.format(name=arguments.name, count=len(files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
