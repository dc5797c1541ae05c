"""What a strategy is estimated to cost on a transfer, for whoever asks before a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from foretaste.platform._settings import Room, memory_of, settings_of, shown_seconds
from foretaste.strategy import Memory, Strategy


@dataclass(frozen=True)
class Cost:
    """What one fit takes, with the setting that would be tried first."""

    strategy: str
    memory: int | None
    """Bytes at its largest; None where the strategy does not say."""
    of: str
    """What the memory is of; empty where the strategy does not say."""
    seconds: float | None
    """Of the longer of pretraining and adapting; None without a budget of seconds, or where it cannot be said."""

    def __str__(self) -> str:
        memory = None if self.memory is None else f"{Memory(self.memory, self.of)}"
        seconds = None if self.seconds is None else shown_seconds(self.seconds)
        return f"a fit of {self.strategy} takes some {' and '.join(one for one in (seconds, memory) if one)}"


def costs_of(strategies: Iterable[Strategy], room: Room) -> list[Cost]:
    """Return what is known of each that does not object, and nothing of those of which nothing is."""
    found = [_cost(one, replace(room, tries=1)) for one in strategies if one.objection(room.facts) is None]
    return [one for one in found if (one.memory, one.seconds) != (None, None)]


def _cost(strategy: Strategy, room: Room) -> Cost:
    (first,) = settings_of(strategy, room)
    need, seconds = memory_of(first, room.facts), room.estimate(first)
    return Cost(
        strategy.name,
        None if need is None else need.bytes,
        "" if need is None else need.of,
        seconds if isinstance(seconds, float) else None,
    )
