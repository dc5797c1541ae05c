"""Which settings of a strategy can be tried on a transfer, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from foretaste.data import PairFacts
from foretaste.errors import StrategyError
from foretaste.plugins import said, type_of
from foretaste.strategy import Budget, Device, Memory, Strategy

Estimate = float | str | None
"""How many seconds a fit would take, or why that cannot be said; None where nothing is estimated."""

_MANY = 1000
"""Settings that are looked at for one that takes less memory."""
_TIMED = 8
"""How many of these are timed for one that takes less time."""


@dataclass(frozen=True, eq=False)
class Room:
    """What a fit on one transfer may cost, and how it is found out what it would."""

    facts: Sequence[PairFacts]
    budget: Budget
    tries: int = 1
    seconds: Callable[[Strategy], Estimate] | None = None
    """How long a fit would take; None where nothing is timed."""

    def estimate(self, strategy: Strategy) -> Estimate:
        """Say how long a fit would take, where a budget asks for it."""
        return self.seconds(strategy) if self.seconds else None

    def heavy(self, strategy: Strategy) -> str | None:
        """Say what memory a setting takes where that is more than the budget has."""
        need = memory_of(strategy, self.facts)
        return None if need is None else need.beyond(self.budget)

    def slow(self, strategy: Strategy) -> str | None:
        """Say what time a setting takes where that is more than the budget has."""
        seconds = self.estimate(strategy)
        if not isinstance(seconds, float) or self.budget.seconds is None or seconds <= self.budget.seconds:
            return None
        return f"would take some {shown_seconds(seconds)}, the budget is {self.budget.seconds:g} s"

    def beyond(self, strategy: Strategy) -> str | None:
        """Say what a setting takes where that is more than the budget has."""
        return self.heavy(strategy) or self.slow(strategy)


def settings_of(strategy: Strategy, room: Room) -> list[Strategy]:
    """Return the settings to try, the strategy as it is first unless it takes more than the budget has.

    Settings that take more are left out where others do not. StrategyError where the grid is wrong.
    """
    return _fitting(strategy, room) or _grid(strategy, room.facts, room.tries)


def left_out(strategies: Iterable[Strategy], room: Room) -> list[str]:
    """Say of which strategies settings are not tried as they take more than the budget has, or none can be timed."""
    lines = []
    for strategy in strategies:
        found = _grid(strategy, room.facts, room.tries)
        if strategy.objection(room.facts):
            continue
        if needs := [need for one in found if (need := room.beyond(one))]:
            lines.append(f"{strategy.name}: {len(needs)} of {len(found)} settings are not tried: the first {needs[0]}")
        if isinstance(why := room.estimate(found[0]), str):
            lines.append(f"{strategy.name}: not known whether it fits the budget of {room.budget.seconds:g} s: {why}")
    return lines


def obstacle_of(strategy: Strategy, room: Room) -> str | None:
    """Ask a strategy what it cannot do, or not within a budget; StrategyError where asking fails."""
    return _objection(strategy, room) or room.beyond(strategy)


def expect_device(strategies: Iterable[Strategy], device: Device, place: str) -> None:
    """Raise StrategyError for strategies that cannot be fitted on a device, or where asking fails."""
    wrong = []
    for strategy in strategies:
        try:
            why = strategy.unsupported(device)
        except (Exception, SystemExit) as error:
            raise StrategyError(f"{strategy.name}: unsupported failed: {said(error)}") from error
        if why:
            wrong.append(f"{place}: {strategy.name} cannot be fitted on {device}: {why}")
    if wrong:
        raise StrategyError("\n".join(wrong))


def refusal_of(strategy: Strategy, room: Room) -> str | None:
    """Ask a strategy what it cannot do, or with no setting within a budget; StrategyError where asking fails."""
    if objection := _objection(strategy, room):
        return objection
    need = room.beyond(strategy)
    return None if need is None or _fitting(strategy, room) else need


def cheapest_of(settings: Sequence[Strategy], facts: Sequence[PairFacts]) -> Strategy | None:
    """Return which setting is likely to take least time, None where that is the first.

    It is the one that takes least memory, or else has the smallest whole numbers: factors, epochs, rounds.
    """

    def cost(strategy: Strategy) -> tuple[int, float]:
        need = memory_of(strategy, facts)
        counts = [value for value in strategy.params().values() if type(value) is int]
        return 0 if need is None else need.bytes, float(np.log1p(np.maximum(counts, 0)).sum())

    found = min(settings, key=cost)
    return None if found is settings[0] else found


def memory_of(strategy: Strategy, facts: Sequence[PairFacts]) -> Memory | None:
    """Ask a strategy what memory it takes; StrategyError where asking fails."""
    try:
        return strategy.memory(facts)
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{strategy.name}: memory failed: {said(error)}") from error


def shown_seconds(seconds: float) -> str:
    """Return an estimate of a time as one would say it: two digits."""
    return f"{float(f'{seconds:.2g}'):g} s"


def _objection(strategy: Strategy, room: Room) -> str | None:
    try:
        return strategy.objection(room.facts)
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{strategy.name}: objection failed: {said(error)}") from error


def _fitting(strategy: Strategy, room: Room) -> list[Strategy]:
    """Return the settings to try that a budget has room for: those of the grid, or else cheaper ones."""
    found = [one for one in _grid(strategy, room.facts, room.tries) if room.beyond(one) is None]
    if found:
        return found
    light = [one for one in _grid(strategy, room.facts, _MANY) if room.heavy(one) is None]
    if room.seconds is not None and len(light) > _TIMED:
        light = [light[place] for place in np.linspace(0, len(light) - 1, _TIMED).round().astype(int)]
    return [one for one in light if room.slow(one) is None][: room.tries]


def _grid(strategy: Strategy, facts: Sequence[PairFacts], tries: int) -> list[Strategy]:
    try:
        found: list[Strategy] = list(strategy.grid(facts, tries))[:tries]
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{strategy.name}: grid failed: {said(error)}") from error
    for one in found:
        if type(one) is not type(strategy):
            raise StrategyError(
                f"{strategy.name}: grid returned {type_of(one)} among its settings,"
                f" expected a list of {type(strategy).__name__}"
            )
    if not found:
        raise StrategyError(f"{strategy.name}: grid returned no setting, expected the strategy itself first")
    return found
