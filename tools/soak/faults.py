"""Faults and phases: functions that cause a fault, and the users' habits during it.

for phase in PHASES:
    phase.begin(ring); …; phase.every_second(ring); …; ring.heal()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jwt

from tools.local.openai.server import ModelServer
from tools.local.sign_in.user_pool import UserPool
from tools.soak.habits import Habits
from tools.soak.processes import Processes
from tools.soak.proxy import Fault, FaultyProxy
from tools.soak.take import PLAIN, Manner
from tools.soak.user import SkewedToken, User

MODEL_DELAY_SECONDS = 0.02
THINK_SECONDS = 5.0
TALK: Mapping[str, float] = {
    "new": 1,
    "follow": 5,
    "read": 1,
    "list": 0.5,
    "stop": 0.5,
    "retry": 0.7,
    "rename": 0.5,
    "delete": 0.4,
}


@dataclass(frozen=True)
class Ring:
    """The parts of the system that faults affect."""

    processes: Processes
    aws: FaultyProxy
    model: FaultyProxy
    model_server: ModelServer
    keys: UserPool
    users: list[User]

    def heal(self) -> None:
        """End all faults. The function replaces killed and frozen processes itself."""
        self.aws.fault = self.model.fault = None
        self.model_server.delay_seconds = MODEL_DELAY_SECONDS
        self.keys.down = False
        self.processes.wake_up()


def nothing(_: Ring) -> None:
    """Cause no fault."""


@dataclass(frozen=True)
class Phase:
    """One fault: `how` it is caused, its `effect` on users, and the users' habits meanwhile."""

    name: str
    how: str
    effect: str
    begin: Callable[[Ring], object] = nothing
    every_second: Callable[[Ring], object] = nothing
    weights: Mapping[str, float] | None = None
    manner: Manner = PLAIN
    words: tuple[int, int] = (8, 40)
    undisturbed: bool = False

    def habits(self) -> Habits:
        return Habits(self.weights or TALK, THINK_SECONDS, self.words, self.manner, self.undisturbed)


def aws_fault(fault: Fault) -> Callable[[Ring], None]:
    def begin(ring: Ring) -> None:
        ring.aws.fault = fault

    return begin


def model_fault(fault: Fault, delay_seconds: float = MODEL_DELAY_SECONDS) -> Callable[[Ring], None]:
    def begin(ring: Ring) -> None:
        ring.model.fault = fault
        ring.model_server.delay_seconds = delay_seconds

    return begin


def lose_keys(ring: Ring) -> None:
    ring.keys.down = True
    ring.processes.kill_half()


def quick_model(ring: Ring) -> None:
    ring.model_server.delay_seconds = 0.002


def skew(ring: Ring) -> None:
    """Give every user tokens with other issue times, signed with a key that the function trusts."""
    for user in ring.users:
        subject = jwt.decode(user.token, options={"verify_signature": False})["sub"]
        user.skewed_tokens = _skewed_tokens(ring.keys, subject)


def _skewed_tokens(keys: UserPool, subject: str) -> list[SkewedToken]:
    now = int(time.time())
    times = {
        "valid token": (now, 3600, True),
        "token expired ten minutes ago": (now - 4200, 3600, False),
        "token expired a day ago": (now - 90000, 3600, False),
        "token issued an hour in the future": (now + 3600, 3600, False),
    }
    return [
        SkewedToken(name, keys.token(subject, iat=issued, exp=issued + lifetime), accepted)
        for name, (issued, lifetime, accepted) in times.items()
    ]
