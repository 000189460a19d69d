"""The steps of `sam build` for `app/`, which the Makefiles of function and layer call.

    python -m tools.app.build code DIR                      # copy the package `app` into a function
    python -m tools.app.build packages DIR -- --python …    # install app/requirements.txt into a layer
    python -m tools.app.build services                      # print the AWS services of app.toml, one per line

Packages are held to the versions that the backend is locked to, and to app/requirements.lock if `make lock` wrote it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools import ROOT
from tools.app.folder import PACKAGE, App, AppError

UV = ROOT / ".venv" / "bin" / "uv"
LOCK = ROOT / "requirements" / "functions.txt"
_NO_WHEEL = re.compile(
    r"([A-Za-z0-9][\w.-]*)(?:[<>=!~]=?[^\s]*)? has no (?:wheels with a matching|usable wheels)"
    r"|versions of ([\w.-]+) have no (?:usable wheels|wheels with a matching)"
)
_UNKNOWN = re.compile(r"Because ([\w.-]+) was not found in the package registry")

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def copy_code(app: App, folder: Path) -> None:
    """Copy the package into `folder`."""
    for name in app.shipped():
        target = folder / PACKAGE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(app.folder / name, target)


def install_packages(app: App, folder: Path, platform: Sequence[str], lock: Path = LOCK) -> None:
    """Install the folder's requirements as wheels for `platform`. Raises AppError, which names package and remedy."""
    if not app.requirements.exists() or not requirements(app.requirements.read_text()):
        return
    command = [str(UV), "pip", "install", "--quiet", "--only-binary", ":all:", "--link-mode", "copy", *platform]
    for constraint in (lock, app.requirements.with_suffix(".lock")):
        command += ["--constraint", str(constraint)] if constraint.exists() else []
    command += ["--requirement", str(app.requirements), "--target", str(folder)]
    done = subprocess.run(command, cwd=app.folder.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AppError(explain(done.stderr, _machine(platform)))


def requirements(text: str) -> list[str]:
    """Return the requirements of a file without comments."""
    return [line for line in (each.partition("#")[0].strip() for each in text.splitlines()) if line]


def explain(output: str, machine: str) -> str:
    """Return the cause of a failed installation with its remedy, followed by uv's own words."""
    detail = output.strip()
    if found := _NO_WHEEL.search(detail):
        cause = (
            f"{found[1] or found[2]} has no wheel for {machine}: take a version or a package that has one, or put a "
            "wheel into app/ and name its path"
        )
    elif found := _UNKNOWN.search(detail):
        cause = f"{found[1]} is not in the package registry: check its name"
    elif "you require" in detail:
        cause = (
            "the packages contradict each other, or the versions of requirements/functions.txt, which the backend "
            "needs; if app/requirements.lock is older than app/requirements.txt, run `make lock`"
        )
    else:
        cause = "uv cannot install the packages"
    return f"app/requirements.txt: {cause}\n{detail}"


def _machine(platform: Sequence[str]) -> str:
    options = dict(zip(platform[::2], platform[1::2], strict=False))
    if "--python-platform" not in options:
        return "this machine"
    return f"Lambda (arm64, Python {options.get('--python-version', '?')})"


def services(app: App) -> list[str]:
    """Return the services of app.toml. Raises AppError if boto3 does not know one."""
    import botocore.session

    known = botocore.session.get_session().get_available_services()
    if unknown := [name for name in app.services if name not in known]:
        raise AppError(f"app/app.toml: [aws] {', '.join(unknown)}: not a service of boto3, such as bedrock-runtime")
    return list(app.services)


def main() -> int:
    """Run one step; return the exit code."""
    command, *arguments = sys.argv[1:]
    try:
        if (app := App.read()) is None:
            return 0
        match command:
            case "code":
                copy_code(app, Path(arguments[0]))
            case "packages":
                install_packages(app, Path(arguments[0]), arguments[2:])
            case _:
                print("\n".join(services(app)))
    except AppError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
