"""One transfer, measured: every strategy tuned alike, fitted on the training data, scored on the same people."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from foretaste.data import DomainPair, Transfer
from foretaste.evaluation import (
    POPULATIONS,
    HeldOut,
    Interval,
    Scores,
    bootstrap_plan,
    hold_out,
    holm,
    paired_lifts,
    pooled,
    validation_plan,
    verdict,
)
from foretaste.evaluation import score as score_people
from foretaste.experiment import HoldoutSpec
from foretaste.metrics import Metric
from foretaste.platform._bench import Bench, Tuned, best_of, mean_of, worth
from foretaste.platform._fit import Fitter
from foretaste.recommender import Recommender
from foretaste.result import Control, Entry, Lift, Population
from foretaste.result import Verdict as ResultVerdict
from foretaste.strategy import Step, Strategy


@dataclass(frozen=True)
class Measure:
    """How a comparison is run. ``metrics[0]`` is what settings, lifts and the guard go by."""

    holdout: HoldoutSpec
    metrics: Sequence[Metric]
    seed: int
    tries: int
    folds: int

    @property
    def primary(self) -> Metric:
        """The first metric."""
        return self.metrics[0]

    @property
    def of_ratings(self) -> bool:
        """Whether the first metric is one of predicted ratings."""
        return self.primary.kind == "rating"

    def measures(self, strategy: type[Strategy]) -> bool:
        """Say whether a strategy has a place in the comparison.

        Where ratings decide, those that predict some; where lists decide, baselines that are there for their ratings
        only when ratings are measured too.
        """
        if self.of_ratings:
            return strategy.predicts_ratings
        return not (strategy.baseline and strategy.predicts_ratings) or any(m.kind == "rating" for m in self.metrics)


def repeats_of(transfer: Transfer, whole: Transfer, how: Measure) -> tuple[list[HeldOut], list[int]]:
    """Return the hold-out of each repeat, and how many validation folds it has; ``whole`` has its twins remedied.

    DataError where nobody can be evaluated, or validated on. Plans are made again when they are used: they are large.
    """
    held = [hold_out(transfer, how.holdout, how.seed + n, remedied=whole) for n in range(how.holdout.repeats)]
    plans = (validation_plan(one.train, how.holdout, how.seed + n, how.folds) for n, one in enumerate(held))
    return held, [len(plan.folds) for plan in plans]


@dataclass(eq=False)
class Measured:
    """What one strategy came to, over all repeats."""

    baseline: bool
    tuned: list[Tuned] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    first: Recommender | None = None
    settled: Mapping[str, Strategy] = field(default_factory=dict)
    """The settings, by name, of the strategies that it was handed in the first repeat."""
    cpu_seconds: float = 0.0

    @property
    def pooled(self) -> Scores:
        """Scores on the test people of all repeats."""
        return pooled(self.scores)

    @property
    def validation(self) -> Scores:
        """Scores on the validation people of the first repeat, whose settings are handed on.

        The validation people of one repeat are test people of another: pooled, the guard would see the test.
        """
        return self.tuned[0].validation


def measure(
    fitter: Fitter, strategies: Sequence[Strategy], held: Sequence[HeldOut], how: Measure
) -> dict[str, Measured]:
    """Tune, fit and score each strategy on each repeat of the hold-out."""
    found = {s.name: Measured(s.baseline) for s in strategies}
    # those that use others take what was found for these
    ordered = sorted(strategies, key=lambda one: one.uses_others)
    fitter.begin()
    for repeat, one in enumerate(held):
        plan = validation_plan(one.train, how.holdout, how.seed + repeat, how.folds)
        bench = Bench(fitter, one.train, plan, how.primary, how.tries, keeps=ordered[-1].uses_others)
        for place, strategy in enumerate(ordered, repeat * len(ordered)):
            line = f"{one.train.place}: {strategy.name} ({repeat + 1}/{len(held)})"
            fitter.context.progress(Step(line, place, len(ordered) * len(held)))
            mine = found[strategy.name]
            tuned = bench.tune(strategy)
            started = time.process_time()
            recommender = bench.fit(tuned.strategy)
            mine.cpu_seconds += tuned.cpu_seconds + time.process_time() - started
            mine.tuned.append(tuned)
            mine.scores.append(score_people(recommender, one, how.metrics))
            if mine.first is None:
                mine.first = recommender
                mine.settled = bench.found() if strategy.uses_others else {}
    return found


def best_baseline(found: Mapping[str, Measured], metric: Metric, population: int | None = None) -> str:
    """Return the baseline that is best on the validation people, all of them or those of one population."""
    # the first repeat's, as in Measured.validation
    baselines = {name: one.tuned[0] for name, one in found.items() if one.baseline}
    groups = next(iter(baselines.values())).validation.populations
    mask = None if population is None or not (groups == population).any() else groups == population
    return best_of(baselines, metric, mask)


def lifts(
    found: Mapping[str, Measured], over: str, metric: Metric, seed: int, rows: NDArray[np.bool_] | None = None
) -> dict[str, Lift]:
    """Return each transfer strategy's lift over one baseline, p adjusted by Holm over the strategies.

    A positive lift is a gain, also where less of a metric is better. People count for whom every strategy has a value.
    """
    base = {n: found[over].pooled for n, one in found.items() if not one.baseline}
    return gains(found, base, over, metric, seed, rows)


def gains(
    found: Mapping[str, Measured],
    base: Mapping[str, Scores],
    over: str,
    metric: Metric,
    seed: int,
    rows: NDArray[np.bool_] | None = None,
) -> dict[str, Lift]:
    """Return the lift of each name in ``base`` over what stands there, on the same people; p adjusted by Holm."""
    label = metric.label
    names = [name for name in base if np.isfinite(found[name].pooled.values[label]).any()]
    if not names:
        return {}
    people = base[names[0]].people
    sign = 1 if metric.higher_is_better else -1
    differences = np.stack([sign * (found[n].pooled.values[label] - base[n].values[label]) for n in names])
    keep = np.isfinite(differences).all(axis=0)  # a metric may be undefined for a person
    if rows is not None:
        keep &= rows
    if not keep.any():
        return {}
    intervals = paired_lifts(differences[:, keep], bootstrap_plan(people[keep], seed=seed))
    adjusted = holm(np.array([one.p for one in intervals]))
    return {
        name: Lift(metric=label, value=one.value, low=one.low, high=one.high, p=float(p), over=over)
        for name, one, p in zip(names, intervals, adjusted, strict=True)
    }


def leaderboard(found: Mapping[str, Measured], how: Measure, control: Mapping[str, Control] | None) -> list[Entry]:
    """Return one line per strategy, best first."""
    metric = how.primary
    over = best_baseline(found, metric)
    by_baseline = {n: lifts(found, n, metric, how.seed) for n, one in found.items() if one.baseline}
    entries = []
    for name, one in found.items():
        lift = by_baseline[over].get(name)
        mine = (control or {}).get(name, "not run")
        scores = one.pooled
        entries.append(
            Entry(
                strategy=name,
                params=one.tuned[0].strategy.params(),
                metrics=means(scores, how.metrics),
                validation=_plain(one.validation.overall[metric.label]),
                lift=lift,
                lifts=[found_lifts[name] for found_lifts in by_baseline.values() if name in found_lifts],
                verdict="baseline" if one.baseline else _verdict(lift, mine, one.tuned[0].strategy.needs_control),
                control=mine if not one.baseline else "not run",
                cpu_seconds=one.cpu_seconds,
                cached=any(t.cached for t in one.tuned),
            )
        )
    return sorted(entries, key=lambda entry: -worth(entry.metrics[metric.label], metric))


def _verdict(lift: Lift | None, control: Control | str, needs_control: bool) -> ResultVerdict:
    if lift is None:
        return "no evidence"
    found = _judged(lift)
    # what is no better than with the source's people shuffled is not taste carried over
    refuted = _judged(control.beyond) != "helps" if isinstance(control, Control) else needs_control
    return "no evidence" if found == "helps" and refuted else found


def _judged(lift: Lift) -> ResultVerdict:
    return verdict(Interval(lift.value, lift.low, lift.high, lift.p), lift.p)


def populations(found: Mapping[str, Measured], how: Measure) -> list[Population]:
    """Return the figures of each population that has people."""
    groups = next(iter(found.values())).pooled.populations
    result = []
    for code, name in enumerate(POPULATIONS):
        rows = groups == code
        if not rows.any():
            continue
        over = best_baseline(found, how.primary, code)
        result.append(
            Population(
                population=name,
                people=int(rows.sum()),
                over=over,
                metrics={n: _means(one.pooled, rows, how.metrics) for n, one in found.items()},
                lifts=lifts(found, over, how.primary, how.seed, rows),
            )
        )
    return result


def _means(scores: Scores, rows: NDArray[np.bool_], metrics: Sequence[Metric]) -> dict[str, float | None]:
    return {m.label: _plain(mean_of(scores.values[m.label][rows])) for m in metrics if m.per_person}


def means(scores: Scores, metrics: Sequence[Metric]) -> dict[str, float | None]:
    """Return the figure of each metric for everybody, None where it is not defined."""
    return {metric.label: _plain(scores.overall[metric.label]) for metric in metrics}


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def permuted(transfer: Transfer, seed: int) -> Transfer:
    """Return the transfer with each source's people shuffled among those with source history.

    What is left of the source is its popularity and its histories, given to the wrong people, and with them what is
    declared of these. Where items are shared, or people are not, the source's items are shuffled, too: histories would
    still say which shared items go together, whoever has them.
    """
    pairs = (_shuffled(pair, np.random.default_rng([seed, 4, place])) for place, pair in enumerate(transfer.pairs))
    return replace(transfer, pairs=tuple(pairs))


def _shuffled(pair: DomainPair, rng: np.random.Generator) -> DomainPair:
    source, rows = pair.source, pair.source.interactions
    if pair.user_links is not None:
        exchange = _exchange(rows.user_rows, len(rows.users), rng)
        if (features := source.user_features) is not None:
            features = replace(features, table=features.table[np.argsort(exchange)])
            source = replace(source, user_features=features)
        rows = replace(rows, user_rows=exchange[rows.user_rows])
    if pair.user_links is None or pair.item_links is not None:
        exchange = _exchange(rows.item_rows, len(rows.items), rng)
        rows = replace(rows, item_rows=exchange[rows.item_rows])
    return replace(pair, source=source.with_interactions(rows))


def _exchange(rows: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return (n,) what takes the place of each; those without a row keep theirs."""
    present = np.unique(rows)
    exchange = np.arange(n)
    exchange[present] = rng.permutation(present)
    return exchange


def run_control(
    fitter: Fitter,
    strategies: Sequence[Strategy],
    held: Sequence[HeldOut],
    how: Measure,
    real: Mapping[str, Measured],
) -> dict[str, Control]:
    """Tune and fit everything again with permuted people, and say what each strategy still gains, and gains beyond."""
    shuffled = [replace(one, train=permuted(one.train, how.seed + repeat)) for repeat, one in enumerate(held)]
    return controls(measure(fitter, strategies, shuffled, how), real, how)


def controls(found: Mapping[str, Measured], real: Mapping[str, Measured], how: Measure) -> dict[str, Control]:
    """Say of each strategy what it gains with permuted people, and what it gains beyond that."""
    metric = how.primary
    left = lifts(found, best_baseline(found, metric), metric, how.seed)
    beyond = gains(real, {name: found[name].pooled for name in left}, "permuted", metric, how.seed)
    return {name: Control(lift=left[name], verdict=_judged(left[name]), beyond=gain) for name, gain in beyond.items()}
