"""How sure a lift is: the paired bootstrap over people, Holm's correction, and the verdict.

People are what is resampled. Where several seeds give a person several rows, the rows come along together:
they are not new evidence. The draws of a plan are made anew from its seed at each use rather than kept, so
that any number of people fits in memory and every strategy still meets exactly the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["helps", "hurts", "no evidence"]

_LEVEL = 0.05
_CHUNK_CELLS = 4_000_000  # (draws, people) held at once: 32 MB
_ROUNDING = 1e-12  # a mean this small beside the differences is a zero that was summed in floating point


@dataclass(frozen=True)
class Interval:
    """A mean difference, its 95 % interval, and the two-sided p of "no difference"."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, eq=False)
class BootstrapPlan:
    """Which person each row is of, and the resamples of those people.

    ``clusters`` (n_rows,) int64 counts the people from 0 to ``n_people - 1``.
    """

    clusters: NDArray[np.int64]
    n_people: int
    draws: int
    seed: int

    def counts(self) -> Iterator[NDArray[np.float64]]:
        """Yield (some draws, n_people) how often each person was drawn; the same at each call."""
        rng = np.random.default_rng(self.seed)
        step = max(1, _CHUNK_CELLS // self.n_people)
        for start in range(0, self.draws, step):
            chunk = np.empty((min(step, self.draws - start), self.n_people))
            for draw in chunk:
                draw[:] = np.bincount(rng.integers(self.n_people, size=self.n_people), minlength=self.n_people)
            yield chunk


def bootstrap_plan(people: NDArray[np.int64], *, draws: int = 10_000, seed: int) -> BootstrapPlan:
    """Plan the resamples for rows that belong to ``people`` (n_rows,); one plan serves all strategies."""
    if len(people) == 0:
        raise ValueError("there is nobody to resample: people is empty")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, found {draws}")
    distinct, clusters = np.unique(people, return_inverse=True)
    return BootstrapPlan(clusters.astype(np.int64), len(distinct), draws, seed)


def paired_lift(differences: NDArray[np.float64], plan: BootstrapPlan) -> Interval:
    """Return the mean of ``differences`` (n_rows,) with its percentile interval; see `paired_lifts`."""
    return paired_lifts(np.asarray(differences)[None, :], plan)[0]


def paired_lifts(differences: NDArray[np.float64], plan: BootstrapPlan) -> list[Interval]:
    """Return one interval for each row of ``differences`` (n_strategies, n_rows), all over the same draws.

    A draw takes as many people as there are, with replacement, and the mean over all their rows. p is twice
    the smaller of (1 + draws <= 0) / (draws + 1) and (1 + draws >= 0) / (draws + 1), at most 1 (Davison and
    Hinkley, Bootstrap Methods and Their Application, 1997), and at least 2^(1 - people), below which no test
    by flipping signs can go: otherwise two people who gained a little would be overwhelming evidence.
    """
    differences = np.asarray(differences, np.float64)
    if differences.ndim != 2 or differences.shape[1] != len(plan.clusters):
        raise ValueError(f"expected (strategies, {len(plan.clusters)}) differences, found {differences.shape}")
    if not np.isfinite(differences).all():
        raise ValueError("a difference is NaN or infinite: drop such rows before the plan is made")
    means = _resampled_means(differences, plan)
    means[np.abs(means) <= _ROUNDING * np.abs(differences).max(axis=1, initial=0.0)] = 0.0
    return [_interval(float(row.mean()), draws, plan.n_people) for row, draws in zip(differences, means.T, strict=True)]


def _resampled_means(differences: NDArray[np.float64], plan: BootstrapPlan) -> NDArray[np.float64]:
    """Return (draws, n_strategies)."""
    rows = np.bincount(plan.clusters, minlength=plan.n_people).astype(np.float64)
    sums = np.empty((plan.n_people, len(differences)))
    for strategy, row in enumerate(differences):
        sums[:, strategy] = np.bincount(plan.clusters, weights=row, minlength=plan.n_people)
    return np.concatenate([(counts @ sums) / (counts @ rows)[:, None] for counts in plan.counts()])


def _interval(value: float, means: NDArray[np.float64], n_people: int) -> Interval:
    low, high = np.quantile(means, [_LEVEL / 2, 1 - _LEVEL / 2])
    smaller = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = max(2 * (1 + smaller) / (len(means) + 1), 2.0 ** (1 - n_people))
    return Interval(value, float(low), float(high), min(1.0, p))


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p-values adjusted for how many there are, in the order given.

    The i-th smallest of m is multiplied by m - i + 1, is never below the one before it, and is at most 1.
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    raw = np.asarray(p_values, np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def verdict(interval: Interval, adjusted_p: float) -> Verdict:
    """Return "helps" for an interval above zero with an adjusted p below .05, "hurts" for its mirror."""
    if adjusted_p < _LEVEL and interval.low > 0:
        return "helps"
    if adjusted_p < _LEVEL and interval.high < 0:
        return "hurts"
    return "no evidence"
