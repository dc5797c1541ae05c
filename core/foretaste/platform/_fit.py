"""Pretraining, adapting and tuning, each through the hooks, nothing done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.data import PairFacts, Transfer
from foretaste.errors import StrategyError
from foretaste.evaluation import HeldOut, Scores, ValidationPlan, pooled, score
from foretaste.metrics import Metric
from foretaste.plugins import PluginHost
from foretaste.recommender import Recommender
from foretaste.strategy import Carried, Context, Strategy, check_recommender


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


@dataclass(eq=False)
class Fitter:
    """Fits strategies of one platform. What pretraining made is kept as long as the fitter lives."""

    host: PluginHost
    context: Context
    _carried: dict[Any, Carried] = field(default_factory=dict)
    _reused: bool = False

    def fit(self, strategy: Strategy, transfer: Transfer, context: Context) -> Recommender:
        """Pretrain on each source and adapt, through the hooks."""
        carried = {pair.source.name: self._pretrained(strategy, pair.source, context) for pair in transfer.pairs}
        found = self.host.call("adapt", strategy=strategy, carried=carried, transfer=transfer, context=context)
        return check_recommender(found, strategy)

    def _pretrained(self, strategy: Strategy, source: Any, context: Context) -> Carried:
        fields = strategy.pretrain_fields
        settings = {k: v for k, v in strategy.params().items() if fields is None or k in fields}
        key = (strategy.name, json.dumps(settings, sort_keys=True), context.seed, source.interactions.fingerprint)
        if key in self._carried:
            self._reused = self._reused or bool(self._carried[key].arrays)
        else:
            found = self.host.call("pretrain", strategy=strategy, source=source, context=context)
            if not isinstance(found, Carried):
                raise StrategyError(f"{strategy.name}: pretrain returned {type(found).__name__}, expected Carried")
            self._carried[key] = found
        return self._carried[key]

    def tune(self, strategy: Strategy, train: Transfer, plan: ValidationPlan, metric: Metric, tries: int) -> Tuned:
        """Try up to ``tries`` settings of a strategy on the validation plan and keep the best.

        A setting that the user fixed is not varied. Ties go to the setting that comes first.
        """
        started, self._reused = time.process_time(), False
        facts = [PairFacts.of(pair) for pair in train.pairs]
        memos: list[dict[Any, Any]] = [{} for _ in plan.folds]
        best: tuple[Strategy, Scores] | None = None
        for candidate in strategy.grid(facts, tries):
            fits = [self._on_fold(candidate, fold, memo, metric) for fold, memo in zip(plan.folds, memos, strict=True)]
            found = pooled([scores for scores, _ in fits])
            if best is None or found.overall[metric.label] > best[1].overall[metric.label]:
                best = candidate, found
            if not any(placed for _, placed in fits):
                break  # everybody is answered by popularity, and no setting changes that
        assert best is not None
        return Tuned(*best, cpu_seconds=time.process_time() - started, cached=self._reused)

    def _on_fold(self, strategy: Strategy, fold: HeldOut, memo: dict[Any, Any], metric: Metric) -> tuple[Scores, bool]:
        if self.context.cancel():
            raise StrategyError("cancelled")
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
        values = tuned[name].validation.values[metric.label]
        chosen = values if population is None else values[population]
        return float(np.mean(chosen)) if len(chosen) else -np.inf

    return max(tuned, key=figure)
