"""AWS's Lambda Web Adapter, built from the registry: https://crates.io/crates/lambda_web_adapter

The build takes two minutes on two cores, once. Where there is no cargo, there is no adapter, and its last figures stay.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from rich.console import Console

from tools import ROOT

VERSION = "0.9.1"  # the newest that is no release candidate
HOME = ROOT / ".tools" / f"lambda-web-adapter-{VERSION}"


def binary(console: Console) -> Path | None:
    """Return the adapter's path, built if need be; None without cargo."""
    path = HOME / "bin" / "lambda-adapter"
    if path.exists():
        return path
    cargo = shutil.which("cargo")
    if cargo is None:
        console.print("[yellow]no cargo here: the Lambda Web Adapter is not measured, its last figures stay")
        return None
    command = [cargo, "install", "--quiet", "--locked", "--root", str(HOME), f"lambda_web_adapter@{VERSION}"]
    with console.status(f"building the Lambda Web Adapter {VERSION} (once, two minutes)"):
        subprocess.run(command, check=True)
    return path
