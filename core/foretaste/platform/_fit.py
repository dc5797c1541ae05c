"""Pretraining and adapting through the hooks, nothing pretrained twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from foretaste.bundle import SavedCarried
from foretaste.data import Domain, PairFacts, Transfer
from foretaste.errors import CancelledError, ConfigError, StrategyError
from foretaste.evaluation import ValidationPlan
from foretaste.platform._checkpoints import Checkpoints
from foretaste.platform._settings import Estimate, Room, refusal_of
from foretaste.plugins import PluginHost
from foretaste.recommender import Recommender
from foretaste.strategy import Carried, Context, Strategy, check_recommender, pretraining_settings

Maker = tuple[int, str]
"""The number of a comparison, and the strategy that is worked on there."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """What pretraining made, and in which comparison and for which strategy."""

    carried: Carried
    maker: Maker


@dataclass(eq=False)
class Work:
    """What is done for one strategy of a comparison, and whether some of it was done before, for another."""

    maker: Maker = (0, "")
    reused: bool = False


@dataclass(eq=False)
class Fitter:
    """Fits strategies of one platform. What pretraining made is kept as long as the fitter lives."""

    host: PluginHost
    context: Context
    checkpoints: Checkpoints | None = None
    """Where states of training are kept; None keeps none."""
    saved: Mapping[str, SavedCarried] = field(default_factory=dict)
    """What was pretrained before, by the name of its source."""
    seconds: Callable[[Strategy, Transfer], Estimate] | None = None
    """How long a fit would take; None where nothing is timed."""
    _carried: dict[Any, _Kept] = field(default_factory=dict)
    _comparison: int = 0
    _work: Work = field(default_factory=Work)

    def room(self, train: Transfer, tries: int = 1) -> Room:
        """Return what fits on a transfer may cost."""
        facts = [PairFacts.of(pair) for pair in train.pairs]
        seconds = self.seconds
        if seconds is None:
            return Room(facts, self.context.budget, tries)
        return Room(facts, self.context.budget, tries, lambda strategy: seconds(strategy, train))

    def begin(self) -> None:
        """Start a comparison: what was carried before it counts as the work of others."""
        self._comparison += 1

    @contextmanager
    def working(self, name: str) -> Iterator[Work]:
        """Count what follows as work for this strategy, or for the one in the midst of whose work it is done."""
        outer, mine = self._work, (self._comparison, name)
        self._work = Work(outer.maker if outer.maker[1] else mine)
        try:
            yield self._work
        finally:
            self._work = outer

    @property
    def maker(self) -> Maker:
        """Whom the work of this moment is for."""
        return self._work.maker

    def reuse(self) -> None:
        """Note that what is being worked on takes what was done before."""
        self._work.reused = True

    def fit(self, strategy: Strategy, transfer: Transfer, context: Context) -> Recommender:
        """Pretrain on each source and adapt, through the hooks. CancelledError where the run is to stop."""
        if self.context.cancel():
            raise CancelledError(f"{transfer.place}: cancelled")
        carried = {pair.source.name: self.pretrained(strategy, pair.source, context) for pair in transfer.pairs}
        if self.checkpoints is not None:
            context = replace(context, checkpoint=self.checkpoints.of_adapting(strategy, carried, transfer, context))
        found = self._ask("adapt", strategy, carried=carried, transfer=transfer, context=context)
        recommender = check_recommender(found, strategy)
        has, needs = (len(recommender.roster.users), len(recommender.roster.items)), transfer.target.interactions.shape
        if has != needs:
            raise StrategyError(
                f"{strategy.name}: adapt returned a recommender of {has[0]} people and {has[1]} items,"
                f" expected the target's {needs[0]} and {needs[1]}"
            )
        return recommender

    def _ask(self, hook: str, strategy: Strategy, **arguments: Any) -> Any:
        try:
            return self.host.call(hook, strategy=strategy, **arguments)
        except StrategyError as error:
            if self.context.cancel():
                raise CancelledError(f"{strategy.name}: cancelled") from error
            if strategy.name in str(error):
                raise
            raise StrategyError(f"{strategy.name}: {error}") from error.__cause__ or error

    def pretrained(self, strategy: Strategy, source: Domain, context: Context) -> Carried:
        """Return what a source hands on: saved before, made before in this run, or made now, through the hook."""
        settings = pretraining_settings(strategy)
        saved = self.saved.get(source.name)
        if saved is not None and (saved.manifest.strategy, saved.manifest.params) == (strategy.name, settings):
            self.reuse()
            return saved.carried
        # the name stands for what rows do not tell: the source's features
        print_of = (source.name, source.interactions.fingerprint)
        key = (strategy.name, json.dumps(settings, sort_keys=True), context.seed, *print_of)
        if key not in self._carried:
            if self.checkpoints is not None:
                place = self.checkpoints.of_pretraining(strategy, settings, source, context)
                context = replace(context, checkpoint=place)
            found = self._ask("pretrain", strategy, source=source, context=context)
            if not isinstance(found, Carried):
                raise StrategyError(f"{strategy.name}: pretrain returned {type(found).__name__}, expected Carried")
            self._carried[key] = _Kept(found, self._work.maker)
        kept = self._carried[key]
        if kept.maker != self._work.maker and kept.carried.arrays:
            self.reuse()
        return kept.carried

    def inside(self, memo: dict[Any, Any], plan: ValidationPlan | None) -> Context:
        """Return the context of one transfer, with a way to fit other strategies of the catalog."""
        context = replace(self.context, validation=plan, transfers=self._transfers, _memo=memo)
        return replace(context, fit=_other_fit(self, context))

    def other(self, name: str, params: Mapping[str, Any]) -> Strategy:
        """Return a strategy for another to use; StrategyError where it uses others itself."""
        made = self.host.catalog.make(name, params)
        if made.uses_others:
            raise StrategyError(f"{name} uses other strategies, and cannot be one that another uses")
        return made

    def obstacle(self, name: str, params: Mapping[str, Any], room: Room) -> str | None:
        """Say why a strategy that another would use cannot serve a transfer, or None where it can."""
        try:
            if obstacle := self.host.catalog.unfit(name):
                return obstacle
            made = self.other(name, params)
        except (ConfigError, StrategyError) as error:
            return "; ".join(str(error).splitlines())
        return made.unsupported(self.context.device) or refusal_of(made, room)

    def _transfers(self, name: str) -> bool:
        return not self.host.catalog.get(name).baseline


def _other_fit(fitter: Fitter, outer: Context) -> Callable[[str, Mapping[str, Any], Transfer], Recommender]:
    def fit(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
        # without a ``fit`` of its own, a strategy that is fitted for another cannot fit a third: no recursion
        strategy = fitter.host.catalog.make(name, params)
        return fitter.fit(strategy, transfer, replace(outer, fit=None, _memo={}))

    return fit
