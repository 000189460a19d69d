"""What there is of a turn before ChatKit carries it out: its order to stop, and its measures."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_api.stopping import Stop
from chat_api.turn_meter import TurnMeter


@dataclass(frozen=True, slots=True)
class TurnState:
    """Of one turn, from its arrival."""

    stop: Stop = field(default_factory=Stop)
    meter: TurnMeter = field(default_factory=TurnMeter)
