"""Cases: a recorded request and its mutations, determined by a seed and a number.

case = Case.made(seed=1, number=17)
case.request()                          # the mutated request with placeholders for ids
case.save(["a 500"])                    # tools/fuzz/found/…json, replayed in CI
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random

from tools.fuzz.mutations import MUTATIONS, Draft, choose
from tools.fuzz.recorded import Recorded, harmless

FOUND = Path(__file__).parent / "found"
TEMPLATES = harmless()


@dataclass(frozen=True)
class Case:
    """One mutated request. `shrunk` replaces the request that the other fields determine."""

    seed: int
    number: int
    template: str
    steps: tuple[tuple[str, str], ...]
    """The mutations' names, each with a separate seed, so that the shrinker can omit one."""
    shrunk: Recorded | None = None

    @classmethod
    def made(cls, seed: int, number: int, only: str = "") -> Case:
        """Return the case of a number; `only` selects the templates whose names contain it."""
        rng = Random(f"{seed}-{number}")
        template = rng.choice([each for each in TEMPLATES if only in each.name])
        count = rng.choice((1, 1, 1, 2, 2, 3))
        steps = tuple((choose(template, rng), f"{seed}-{number}-{step}") for step in range(count))
        return cls(seed, number, template.name, steps)

    @cached_property
    def request(self) -> Recorded:
        """The request to send."""
        if self.shrunk is not None:
            return self.shrunk
        draft = Draft.of(next(each for each in TEMPLATES if each.name == self.template))
        for name, seed in self.steps:
            MUTATIONS[name](draft, Random(seed))
        return draft.request()

    def with_request(self, request: Recorded) -> Case:
        return replace(self, shrunk=request)

    @property
    def title(self) -> str:
        return f"seed {self.seed} number {self.number}: {self.template}, " + ", ".join(name for name, _ in self.steps)

    def save(self, faults: list[str]) -> Path:
        """Store the case for CI and return its file."""
        request = self.request
        fields = {
            "title": self.title,
            "faults": faults,
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "data": base64.b64encode(request.content).decode(),
            "text": request.content[:2000].decode("utf-8", "replace"),
        }
        path = FOUND / f"{self.template}-{self.seed}-{self.number}.json"
        path.write_text(json.dumps(fields, indent=2) + "\n")
        return path


def found(path: Path) -> Recorded:
    """Return the request of a stored case."""
    fields = json.loads(path.read_text())
    headers = tuple((name, value) for name, value in fields["headers"])
    return Recorded(path.stem, fields["method"], fields["target"], headers, None, base64.b64decode(fields["data"]))
