"""The release: a digest of a build and of the parameters' values, which `make deploy` writes into the template.

    release = stamp(Path(".aws-sam/build"), {"OpenAIModel": "gpt-9", …})      # "3f0c…", 16 hexadecimal digits

SAM publishes a version of the chat function when its code, its layers or the literal text of its properties change. It
does not see a parameter's new value, because `!Ref OpenAIModel` is the same text for all of them. The variable RELEASE
of both functions is therefore a literal that changes with every value. An equal build with equal values has an equal
release, in any checkout, so a repeated deployment publishes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.stack.operator import DeploymentError

TEMPLATE = "template.yaml"
NOT_COUNTED = frozenset({"SiteOrigin"})
"""Parameters that neither function reads. SiteOrigin changes in a new stack's second pass, which publishes nothing."""
_LINE = re.compile(rb"(?m)^( +RELEASE:).*$")
# Not part of a release: bytecode, which sources determine, and the files in which an installer describes itself.
_DERIVED = re.compile(r"(^|/)(__pycache__/.*|[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json))$")


def digest(build: Path, parameters: Mapping[str, str]) -> str:
    """Return the release of the folder that `sam build` wrote, with the parameters' effective values."""
    total = hashlib.sha256()
    for name, path in _files(build):
        content = path.read_bytes()
        if name == TEMPLATE:
            content = _LINE.sub(rb"\1", content)
        executable = path.stat().st_mode & 0o111
        total.update(f"{name}\0{executable:o}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    counted = {name: value for name, value in parameters.items() if name not in NOT_COUNTED}
    total.update(json.dumps(counted, sort_keys=True).encode())
    return total.hexdigest()[:16]


def stamp(build: Path, parameters: Mapping[str, str]) -> str:
    """Write the release into the build's template and return it; repeatable."""
    release, template = digest(build, parameters), build / TEMPLATE
    text, lines = _LINE.subn(rb"\1 '" + release.encode() + b"'", template.read_bytes())
    if not lines:
        raise DeploymentError(f"{template} has no line RELEASE: add `RELEASE: unstamped` to the functions' variables")
    template.write_bytes(text)
    return release


def _files(build: Path) -> Iterator[tuple[str, Path]]:
    """Yield the template and the files of its artifacts, which `sam build` puts into folders, in a fixed order."""
    for path in sorted(build.rglob("*")):
        name = path.relative_to(build).as_posix()
        if path.is_file() and ("/" in name or name == TEMPLATE) and not _DERIVED.search(name):
            yield name, path
