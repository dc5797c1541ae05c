"""Pretraining, adapting and tuning, each through the hooks, nothing done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.bundle import SavedCarried
from foretaste.data import Domain, PairFacts, Transfer
from foretaste.errors import CancelledError, StrategyError
from foretaste.evaluation import HeldOut, Scores, ValidationPlan, pooled, score
from foretaste.metrics import Metric
from foretaste.platform._checkpoints import Checkpoints
from foretaste.plugins import PluginHost, said, type_of
from foretaste.recommender import Recommender
from foretaste.strategy import Carried, Context, Strategy, check_recommender, pretraining_settings


@dataclass(frozen=True, eq=False)
class Tuned:
    """The best setting found on the validation plan, and its scores there."""

    strategy: Strategy
    validation: Scores
    cpu_seconds: float
    cached: bool

    def figure(self, metric: Metric) -> float:
        """The mean of a metric over the plan's people."""
        return self.validation.overall[metric.label]


@dataclass(frozen=True, eq=False)
class _Kept:
    """What pretraining made, and in which comparison and for which strategy."""

    carried: Carried
    maker: tuple[int, str]


@dataclass(eq=False)
class Fitter:
    """Fits strategies of one platform. What pretraining made is kept as long as the fitter lives."""

    host: PluginHost
    context: Context
    checkpoints: Checkpoints | None = None
    """Where states of training are kept; None keeps none."""
    saved: Mapping[str, SavedCarried] = field(default_factory=dict)
    """What was pretrained before, by the name of its source."""
    _carried: dict[Any, _Kept] = field(default_factory=dict)
    _comparison: int = 0
    _maker: tuple[int, str] = (0, "")
    _reused: bool = False

    def begin(self) -> None:
        """Start a comparison: what was carried before it counts as the work of others."""
        self._comparison += 1

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
            self._reused = True
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
            self._carried[key] = _Kept(found, self._maker)
        kept = self._carried[key]
        self._reused = self._reused or (kept.maker != self._maker and bool(kept.carried.arrays))
        return kept.carried

    def tune(self, strategy: Strategy, train: Transfer, plan: ValidationPlan, metric: Metric, tries: int) -> Tuned:
        """Try up to ``tries`` settings of a strategy on the validation plan and keep the best.

        A setting that the user fixed is not varied. Ties go to the setting that comes first, and a figure that is not
        defined loses to any other.
        """
        started, self._reused = time.process_time(), False
        self._maker = (self._comparison, strategy.name)
        facts = [PairFacts.of(pair) for pair in train.pairs]
        settings = _settings(strategy, facts, tries)
        scores: list[list[Scores]] = [[] for _ in settings]
        for fold in plan.folds:
            memo: dict[Any, Any] = {}  # what settings share may be large, and goes with the fold
            for candidate, mine in zip(settings, scores, strict=True):
                found, placed = self._on_fold(candidate, fold, memo, metric)
                mine.append(found)
                if metric.kind == "ranking" and candidate is settings[0] and not placed:
                    # everybody is answered by popularity, and no setting changes that
                    for others in scores[1:]:
                        others.append(found)
                    break
        wholes = [pooled(parts) for parts in scores]
        best = max(range(len(settings)), key=lambda place: worth(wholes[place].overall[metric.label], metric))
        return Tuned(
            settings[best],
            wholes[best],
            cpu_seconds=time.process_time() - started,
            cached=self._reused,
        )

    def _on_fold(self, strategy: Strategy, fold: HeldOut, memo: dict[Any, Any], metric: Metric) -> tuple[Scores, bool]:
        recommender = self.fit(strategy, fold.train, self.inside(memo, None))
        return score(recommender, fold, [metric]), bool(recommender.places(fold.people).any())

    def inside(self, memo: dict[Any, Any], plan: ValidationPlan | None) -> Context:
        """Return the context of one transfer, with a way to fit other strategies of the catalog."""
        context = replace(self.context, validation=plan, _memo=memo)
        return replace(context, fit=_other_fit(self, context))


def _other_fit(fitter: Fitter, outer: Context) -> Callable[[str, Mapping[str, Any], Transfer], Recommender]:
    def fit(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
        # without a ``fit`` of its own, a strategy that is fitted for another cannot fit a third: no recursion
        strategy = fitter.host.catalog.make(name, params)
        return fitter.fit(strategy, transfer, replace(outer, fit=None, _memo={}))

    return fit


def best_of(tuned: Mapping[str, Tuned], metric: Metric, population: NDArray[np.bool_] | None = None) -> str:
    """Return the name that is best on validation, for everybody or for a group; the first of equals."""

    def figure(name: str) -> float:
        if population is None:
            return worth(tuned[name].figure(metric), metric)
        return worth(mean_of(tuned[name].validation.values[metric.label][population]), metric)

    return max(tuned, key=figure)


def worth(figure: float | None, metric: Metric) -> float:
    """Return a figure as a number of which more is better; one that is not defined is worth least."""
    if figure is None or not np.isfinite(figure):
        return -np.inf
    return figure if metric.higher_is_better else -figure


def mean_of(values: NDArray[np.float64]) -> float:
    """Return the mean over the people who have a value, NaN for nobody."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _settings(strategy: Strategy, facts: list[PairFacts], tries: int) -> list[Strategy]:
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
