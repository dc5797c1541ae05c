"""One repeat of a comparison: strategies tuned and fitted on the same data, and nothing done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.data import Transfer
from foretaste.evaluation import HeldOut, Scores, ValidationPlan, pooled, score
from foretaste.metrics import Metric
from foretaste.platform._fit import Fitter, Maker
from foretaste.platform._settings import settings_of
from foretaste.recommender import Recommender
from foretaste.strategy import Context, Strategy

_PARTS = 3
"""Into how many parts the people of a single fold are split for strategies that use others."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """The best setting found on the validation plan, and its scores there."""

    strategy: Strategy
    validation: Scores
    cpu_seconds: float
    cached: bool
    crossed: Scores | None = None
    """The scores of each fold by the setting that is best on the other folds: what a setting gains by having been
    chosen for these very people is not in it. None where there are no others."""

    @property
    def fair(self) -> Scores:
        """The scores that the guard compares."""
        return self.validation if self.crossed is None else self.crossed

    def figure(self, metric: Metric) -> float:
        """The mean of a metric over the plan's people."""
        return self.validation.overall[metric.label]


@dataclass(eq=False)
class Bench:
    """Tunes and fits strategies on the training data of one repeat; those that use others are handed these.

    ``settled`` are settings that were found elsewhere, by name: they are not sought again.
    """

    fitter: Fitter
    train: Transfer
    plan: ValidationPlan | None
    metric: Metric
    tries: int
    settled: Mapping[str, Strategy] = field(default_factory=dict)
    keeps: bool = False
    """Whether what is fitted on all training data is kept, for strategies that use others."""
    _tuned: dict[str, tuple[Tuned, Maker]] = field(default_factory=dict)
    _fitted: dict[tuple[str, int], Recommender] = field(default_factory=dict)

    def tune(self, strategy: Strategy) -> Tuned:
        """Try settings of a strategy on the validation plan and keep the best; done once for each strategy.

        A setting that the user fixed is not varied. Ties go to the setting that comes first, and a figure that is not
        defined loses to any other. A strategy that uses others is handed, for each fold, what the other folds say.
        """
        key = json.dumps([_key(strategy), sorted(strategy.model_fields_set)])
        asker = self.fitter.maker
        if key not in self._tuned:
            self._tuned[key] = (self._tune(strategy), asker)
        found, first = self._tuned[key]
        if asker != first:
            self.fitter.reuse()
        return found

    def fit(self, strategy: Strategy) -> Recommender:
        """Fit a strategy on the training data."""
        key = (_key(strategy), id(self.train))
        if key in self._fitted:
            return self._fitted[key]
        found = self.fitter.fit(strategy, self.train, self._context(strategy, {}, self.plan))
        if self.keeps:
            self._fitted[key] = found
        return found

    def fit_on(self, strategy: Strategy, fold: HeldOut, memo: dict[Any, Any]) -> Recommender:
        """Fit a strategy on a fold's training data; ``memo`` is what its settings share there."""
        return self.fitter.fit(strategy, fold.train, self._context(strategy, memo, None))

    def found(self) -> dict[str, Strategy]:
        """Return the settings that were found so far, by name, of strategies that another may use."""
        return {one.strategy.name: one.strategy for one, _ in self._tuned.values() if not one.strategy.uses_others}

    def _tune(self, strategy: Strategy) -> Tuned:
        assert self.plan is not None
        started = time.process_time()
        folds = self.plan.parted(_PARTS).folds if strategy.uses_others else self.plan.folds
        with self.fitter.working(strategy.name) as work:
            settings = self._settings(strategy)
            scores: list[list[Scores]] = [[] for _ in settings]
            for place, fold in enumerate(folds):
                memo: dict[Any, Any] = {}  # what settings share may be large, and goes with the fold
                others = _without(folds, place) if strategy.uses_others else None
                for candidate, mine in zip(settings, scores, strict=True):
                    recommender = self.fitter.fit(candidate, fold.train, self._context(candidate, memo, others))
                    mine.append(score(recommender, fold, [self.metric]))
                    placed = bool(recommender.places(fold.people).any())
                    if self.metric.kind == "ranking" and candidate is settings[0] and not placed:
                        # everybody is answered by popularity, and no setting changes that
                        for rest in scores[1:]:
                            rest.append(mine[-1])
                        break
        best = self._best(scores, range(len(folds)))
        validation = pooled(scores[best])
        return Tuned(settings[best], validation, time.process_time() - started, work.reused, self._crossed(scores))

    def _best(self, scores: Sequence[Sequence[Scores]], folds: Iterable[int]) -> int:
        """Return the place of the setting that is best on some folds; the first of equals."""
        parts = list(folds)
        figures = [pooled([mine[at] for at in parts]).overall[self.metric.label] for mine in scores]
        return max(range(len(scores)), key=lambda place: worth(figures[place], self.metric))

    def _crossed(self, scores: Sequence[Sequence[Scores]]) -> Scores | None:
        folds = range(len(scores[0]))
        if len(folds) == 1:
            return None
        best = [self._best(scores, [at for at in folds if at != left]) for left in folds]
        return pooled([scores[place][left] for left, place in zip(folds, best, strict=True)])

    def _settings(self, strategy: Strategy) -> list[Strategy]:
        return settings_of(strategy, self.fitter.room(self.train, self.tries))

    def _context(self, strategy: Strategy, memo: dict[Any, Any], plan: ValidationPlan | None) -> Context:
        context = self.fitter.inside(memo, plan)
        if strategy.uses_others:
            context = replace(context, tune=self._tune_other, obstacle=self._obstacle)
        return replace(context, fit=partial(self._fit_other, context))

    def _obstacle(self, name: str, params: Mapping[str, Any]) -> str | None:
        """Say why another strategy cannot serve this transfer, or None where it can."""
        return self.fitter.obstacle(name, params, self.fitter.room(self.train, self.tries))

    def _tune_other(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of another strategy that are best on the plan, those given left as they are."""
        made = self.fitter.other(name, params)
        if name in self.settled:
            made = self.settled[name].model_copy(update={key: getattr(made, key) for key in made.model_fields_set})
        elif self.plan is not None:
            made = self.tune(made).strategy
        return made.params()

    def _fit_other(self, outer: Context, name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
        # without a ``fit`` of its own, a strategy that is fitted for another cannot fit a third: no recursion
        made = self.fitter.other(name, params)
        plan = self.plan if transfer is self.train else None
        inner = replace(outer, fit=None, tune=None, obstacle=None, validation=plan, _memo={})
        ours = [self.train, *(fold.train for fold in (self.plan.folds if self.plan else ()))]
        if not any(transfer is one for one in ours):
            return self.fitter.fit(made, transfer, inner)
        key = (_key(made), id(transfer))
        if key not in self._fitted:
            self._fitted[key] = self.fitter.fit(made, transfer, inner)
        return self._fitted[key]


def _without(folds: Sequence[HeldOut], place: int) -> ValidationPlan | None:
    others = tuple(fold for at, fold in enumerate(folds) if at != place)
    return ValidationPlan(others) if others else None


def _key(strategy: Strategy) -> str:
    return json.dumps([strategy.name, strategy.params()], sort_keys=True)


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
