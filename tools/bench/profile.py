"""Flame graphs of a warm turn and of a cold start's imports, as SVG, by py-spy.

    python -m tools.bench.profile [--turns 100] [--publish]

Writes `turn.svg` (the coach's process during turns in a thread of 2,000 items), `turn-openai.svg` (the same with
OpenAI's own client), `cold-start.svg` (everything that is loaded until the first turn) and `cold-start-full.svg` (the
same with LEAN_IMPORTS=off) into `.local/profile`, with --publish into `docs/evidence/flames`. Samples are of threads
that hold Python's lock, so that waiting threads do not appear. py-spy reads the memory of another process, which takes
root or CAP_SYS_PTRACE on some machines.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from tools import ROOT
from tools.bench.turn import SUBJECTS, Place, Subject, conversations

PY_SPY = ROOT / ".tools" / "py-spy" / "bin" / "py-spy"
FOLDER, PUBLISHED = ROOT / ".local" / "profile", ROOT / "docs" / "evidence" / "flames"
TURNS: Mapping[str, str] = {"turn.svg": "coach", "turn-openai.svg": "walking"}
COLD_STARTS: Mapping[str, str] = {"cold-start.svg": "on", "cold-start-full.svg": "off"}
TITLES: Mapping[str, str] = {
    "turn.svg": "Turns in a thread of 2,000 items",
    "turn-openai.svg": "Turns in a thread of 2,000 items, with OpenAI's own client",
    "cold-start.svg": "Everything that a first turn loads",
    "cold-start-full.svg": "Everything that a first turn loads, with LEAN_IMPORTS=off",
}
SAMPLES_PER_SECOND = "100"
FRAME = re.compile(r'<g><title>[^<]*</title><rect [^>]*?width="([\d.]+)%"[^>]*/><text[^>]*>[^<]*</text></g>')
NARROWEST_PERCENT = 0.6
"""Of the picture's width; the frames of one sample are most of the file and can hardly be seen."""
WARM = 5
FIRST_TURN = """
import chat_api.handler, importlib
importlib.import_module("chat_api.chatkit_run")
from coach.agent import CoachAgent
from coach.assistant import build_validators
build_validators()
"""
"""What `DeferredImports.load` does, with the module of the handler."""


def recorded(path: Path, *of: str) -> list[str]:
    """Return py-spy's command that writes `path`."""
    return [str(PY_SPY), "record", "--gil", "--function", "--rate", SAMPLES_PER_SECOND, "--output", str(path), *of]


def finish(path: Path, title: str) -> None:
    """Replace py-spy's command line, with this machine's paths, by `title`, and leave narrow frames out."""
    drawn = re.sub(r'(?<=<text id="title")([^>]*>)[^<]*', lambda found: found[1] + title, path.read_text())
    path.write_text(FRAME.sub(lambda found: found[0] if float(found[1]) >= NARROWEST_PERCENT else "", drawn))


async def profile_turns(place: Place, variables: Mapping[str, str], turns: int, path: Path) -> None:
    """Write the flame graph of `turns` turns in one warm process."""
    async with AsyncExitStack() as until:
        subject = await Subject.start(until, place, variables)
        for _ in range(WARM):
            await subject.turn(place.tokens["long"], place.model)
        command = recorded(path, "--pid", str(subject.of.pid))
        py_spy = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(turns):
            await subject.turn(place.tokens["long"], place.model)
        if py_spy.returncode is None:
            py_spy.send_signal(signal.SIGINT)  # it then writes its file
        _, errors = await py_spy.communicate()
    if py_spy.returncode:
        raise RuntimeError(errors.decode())


def profile_cold_start(place: Place, lean: str, path: Path) -> None:
    """Write the flame graph of a process that loads everything for its first turn."""
    folders = ":".join(str(folder.resolve()) for folder in place.function.code)
    layer = str(ROOT / "layers" / "streaming" / "src")
    environment = {**place.function.environment, "PYTHONPATH": f"{folders}:{layer}", "LEAN_IMPORTS": lean}
    command = recorded(path, "--", sys.executable, "-c", FIRST_TURN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


async def profile(turns: int, folder: Path, console: Console) -> None:
    """Write all pictures."""
    async with conversations() as place:
        for name, subject in TURNS.items():
            await profile_turns(place, SUBJECTS[subject], turns, folder / name)
        for name, lean in COLD_STARTS.items():
            profile_cold_start(place, lean, folder / name)
    for name, title in TITLES.items():
        finish(folder / name, title)
        console.print(folder / name)


def main() -> int:
    """Profile and print the files' names."""
    parser = argparse.ArgumentParser(description="Flame graphs of a warm turn and of a cold start.")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--publish", action="store_true", help="write into docs/evidence/flames")
    given = parser.parse_args()
    if not PY_SPY.exists():
        print("py-spy is not installed: make profile", file=sys.stderr)
        return 1
    folder: Path = PUBLISHED if given.publish else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    asyncio.run(profile(given.turns, folder, Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
