"""Who races on a transfer."""

from __future__ import annotations

from collections.abc import Sequence

from foretaste.comparison import Unmeasured
from foretaste.data import PairFacts, Transfer
from foretaste.errors import StrategyError
from foretaste.experiment import TransferSpec
from foretaste.platform._compare import Measure
from foretaste.platform._settings import Room, refusal_of
from foretaste.registry import Catalog, Registry
from foretaste.strategy import Budget, Strategy


def entrants(
    spec: TransferSpec,
    train: Transfer,
    how: Measure,
    registry: Registry,
    catalog: Catalog,
    budget: Budget,
    named: Sequence[str] | None,
    control: bool,
) -> tuple[list[Strategy], list[Unmeasured]]:
    """Return who races, baselines first, and who cannot; ``named`` are those that may, None is all."""
    # nothing is timed: a fit may come to grief, and that is for the race
    room = Room([PairFacts.of(pair) for pair in train.pairs], budget, how.tries)
    kinds = [kind for kind in catalog.strategies.values() if how.measures(kind)]
    wanted = {kind.name for kind in kinds if kind.baseline or named is None or kind.name in named}
    racing: list[Strategy] = []
    passed_over = [
        Unmeasured(strategy=name, state="passed over", reason=_no_place(how))
        for name in dict.fromkeys(named or ())
        if not how.measures(catalog.get(name))
    ]
    # of equals the first is taken: what the registry would name first, or else the simplest
    told = {use.strategy: place for place, use in enumerate(use for rule in registry.rules for use in rule.use)}

    def place_of(kind: type[Strategy]) -> tuple[bool, bool, int, int, str]:
        known = len(told) if kind.baseline else told.get(kind.name, len(told))
        return not kind.baseline, kind.uses_others, known, len(kind.model_fields), kind.name

    for kind in sorted(kinds, key=place_of):
        if kind.name not in wanted:
            continue
        obstacle = catalog.missing(kind.name)
        if not obstacle:
            made = catalog.make(kind.name, spec.params if kind.name == spec.strategy else {})
            obstacle = refusal_of(made, room)
            if not obstacle and kind.needs_control and not control:
                obstacle = "what it gains is evidence beside the control only, which is not run"
        if obstacle:
            passed_over.append(Unmeasured(strategy=kind.name, state="passed over", reason=obstacle))
        else:
            racing.append(made)
    for baseline, what in ((True, "baseline to measure a lift against"), (False, "transfer strategy to race")):
        if not any(one.baseline is baseline for one in racing):
            why = "".join(f"\n  {one.strategy} passed over: {one.reason}" for one in passed_over)
            raise StrategyError(f"{train.place}: there is no {what}{why}")
    return racing, passed_over


def _no_place(how: Measure) -> str:
    """Return why a strategy has no place in a comparison; see Measure.measures."""
    if how.of_ratings:
        return "predicts no ratings, which the first metric is about"
    return "is there for its ratings, which no metric is about"
