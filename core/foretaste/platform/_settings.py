"""Which settings of a strategy can be tried on a pair, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

from foretaste.data import PairFacts
from foretaste.errors import StrategyError
from foretaste.plugins import said, type_of
from foretaste.strategy import Budget, Strategy

_MANY = 1000
"""Settings that are looked at for one that takes less."""


def settings_of(strategy: Strategy, facts: Sequence[PairFacts], tries: int, budget: Budget) -> list[Strategy]:
    """Return at most so many settings to try, the strategy as it is first unless it takes more than the budget has.

    Settings that take more are left out where others do not. StrategyError where the grid is wrong.
    """
    found = _grid(strategy, facts, tries)
    fitting = [one for one in found if _needs(one, facts, budget) is None]
    return fitting or _lighter(strategy, facts, budget)[:tries] or found


def left_out(strategy: Strategy, facts: Sequence[PairFacts], tries: int, budget: Budget) -> str | None:
    """Say which settings are not tried as they take more than the budget has; None where all are."""
    found = _grid(strategy, facts, tries)
    needs = [need for one in found if (need := _needs(one, facts, budget))]
    if not needs or strategy.objection(facts):
        return None
    return f"{strategy.name}: {len(needs)} of {len(found)} settings are not tried: the first {needs[0]}"


def refusal_of(strategy: Strategy, facts: Sequence[PairFacts], budget: Budget) -> str | None:
    """Ask a strategy what it cannot do, or with no setting within a budget; StrategyError where asking fails."""
    try:
        refusal = strategy.refusal(facts, budget)
        if refusal is None or strategy.objection(facts) is not None:
            return refusal
        return None if _lighter(strategy, facts, budget) else refusal
    except StrategyError:
        raise
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{strategy.name}: objection failed: {said(error)}") from error


def _lighter(strategy: Strategy, facts: Sequence[PairFacts], budget: Budget) -> list[Strategy]:
    return [one for one in _grid(strategy, facts, _MANY) if _needs(one, facts, budget) is None]


def _needs(strategy: Strategy, facts: Sequence[PairFacts], budget: Budget) -> str | None:
    """Say what a setting takes where that is more than the budget has."""
    try:
        need = strategy.memory(facts)
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{strategy.name}: memory failed: {said(error)}") from error
    return None if need is None else need.beyond(budget)


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
