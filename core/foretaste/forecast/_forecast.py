"""What carrying taste over can bring on a pair, in seconds, before anything is fitted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from foretaste.audit import Twins, drop_twins
from foretaste.data import DomainPair, Transfer
from foretaste.evaluation import bootstrap_plan, paired_lift
from foretaste.forecast._halved import halved
from foretaste.forecast._judged import Judged
from foretaste.forecast._kept import kept
from foretaste.forecast._kernel import leave_one_out
from foretaste.forecast._newcomers import newcomers
from foretaste.forecast._sample import FEWEST, sample
from foretaste.forecast._shelf import FEWEST as FEWEST_HALVED
from foretaste.forecast._shelf import shelf
from foretaste.forecast._shift import Shift, source_shift, target_shift
from foretaste.forecast._words import sentences

_DRAWS: Final = 2_000
_POWER: Final = 2.8  # standard errors: two-sided 5 %, shown four times in five


@dataclass(frozen=True)
class Expected:
    """A gain in ndcg@10 for some people, with its 95 % interval (paired bootstrap over people)."""

    rows: int | None
    """target rows that these people keep: 0 for newcomers, None where it is half of what they have"""
    people: int
    """how many were judged"""
    value: float
    """mean gain over what does without the source"""
    low: float
    """lower end of its interval"""
    high: float
    """upper end"""
    over: str
    """what it is a gain over: popularity, permuted (source histories of the wrong people, or shuffled source items), or
    target (ridge regression of the target alone, or EASE where items are shared)"""


@dataclass(frozen=True)
class Forecast:
    """An estimate of what transfer can bring; None means *not available*."""

    reason: str | None
    """why there is no estimate"""
    people: int
    """people with both histories who were looked at; where items are shared, people of the target"""
    source_items: int
    """source items that were looked at"""
    target_items: int
    """target items that were looked at: lists are made of these"""
    expected: tuple[Expected, ...]
    """what newcomers gain, then people who keep 3, 10 and 21 of their rows, where there are enough of them; where items
    are shared and people are not, what people gain who keep half of their rows"""
    control: float | None
    """what is left of the first gain when source histories are given to the wrong people, or source items shuffled"""
    leave_one_out: float | None
    """gain of a kernel ridge over popularity, exact leave-one-person-out: ranks pairs whose people are shared"""
    detectable: float | None
    """smallest first gain that so many people would show four times in five"""
    target_rows: float | None
    """mean target preferences of these people"""
    twins: int
    """source items that were left out, as the target has them too"""
    target_shift: Shift | None
    """these people beside the target's others"""
    source_shift: Shift | None
    """these people beside those who have source rows alone"""

    @classmethod
    def none(cls, reason: str, twins: int = 0, shifts: tuple[Shift | None, Shift | None] = (None, None)) -> Self:
        """Return what stands where there is no estimate."""
        return cls(reason, 0, 0, 0, (), None, None, None, None, twins, *shifts)

    @property
    def go(self) -> bool:
        """Whether those who come first in ``expected`` surely gain: newcomers, where people are shared."""
        return bool(self.expected) and self.expected[0].low > 0

    def as_dict(self) -> dict[str, Any]:
        """Return all of it with ``go`` and ``sentences``, ready for JSON."""
        return {**asdict(self), "go": self.go, "sentences": self.sentences()}

    def sentences(self) -> list[str]:
        """Return plain sentences: what to expect, then what speaks for or against relying on it."""
        return sentences(self)


def forecast(pair: DomainPair, *, seed: int = 7, twins: Twins | None = None) -> Forecast:
    """Forecast what transfer brings on a pair, from a sample of the rows that it holds; the same seed, the same answer.

    Where people are shared, newcomers: the better of a low-rank ridge map and naive-Bayes counts, each person judged
    and each setting chosen by other people, against the better of popularity and the same with source histories of the
    wrong people. People with target rows: a kernel ridge with the source's kernel, against the best of that without it,
    popularity and that control.

    Where items alone are shared, people who keep half of their rows: EASE of both sides, against the best of EASE of
    the target, popularity and the same with the source's items shuffled.

    Source rows on ``twins``, found on the whole data, are left out, as they would pass for taste. Give it training data
    where something is measured afterwards. Never raises for what a pair holds: ``reason`` says why there is nothing.
    """
    n_twins = 0 if twins is None else len(np.unique(twins.source_rows))
    if twins is not None:
        pair = drop_twins(Transfer(pair.target, (pair,)), {pair.source.name: twins}).pair
    if pair.user_links is None:
        return _of_items(pair, seed)
    shifts = target_shift(pair, seed), source_shift(pair, seed)
    looked_at = sample(pair, seed)
    n_people, n_items = looked_at.target.shape
    if n_people < FEWEST:
        return Forecast.none(f"{n_people} people prefer something on both sides, {FEWEST} are needed", n_twins, shifts)
    if n_items < 2:
        return Forecast.none("the target has one item, so that there is nothing to choose from", n_twins, shifts)
    dealt = np.random.default_rng([seed, 14]).permutation(n_people)
    judged = [newcomers(looked_at, dealt, seed), *kept(looked_at, dealt, seed)]
    first = judged[0]
    return Forecast(
        reason=None,
        people=n_people,
        source_items=looked_at.source.shape[1],
        target_items=n_items,
        expected=tuple(_expected(one, seed) for one in judged),
        control=float((first.permuted - first.alone).mean()),
        leave_one_out=leave_one_out(looked_at),
        detectable=_detectable(first),
        target_rows=looked_at.target.nnz / n_people,
        twins=n_twins,
        target_shift=shifts[0],
        source_shift=shifts[1],
    )


def _of_items(pair: DomainPair, seed: int) -> Forecast:
    if pair.item_links is None:
        return Forecast.none("neither people nor items are shared, and without them nothing can be judged")
    looked_at = shelf(pair, seed)
    n_people, n_items = looked_at.liked.shape
    if not looked_at.source_items:
        return Forecast.none("nobody in the source prefers an item that the target has")
    if n_people < FEWEST_HALVED:
        return Forecast.none(f"{n_people} people prefer two items of the target or more, {FEWEST_HALVED} are needed")
    found = halved(looked_at, seed)
    return Forecast(
        reason=None,
        people=n_people,
        source_items=looked_at.source_items,
        target_items=n_items,
        expected=(_expected(found, seed),),
        control=float((found.permuted - found.alone).mean()),
        leave_one_out=None,
        detectable=_detectable(found),
        target_rows=looked_at.liked.nnz / n_people,
        twins=0,
        target_shift=None,
        source_shift=None,
    )


def _detectable(judged: Judged) -> float:
    return float(_POWER * (judged.real - judged.alone).std() / np.sqrt(len(judged.people)))


def _expected(judged: Judged, seed: int) -> Expected:
    """Return the gain over whichever is better of the target alone and the permuted control."""
    control = judged.permuted.mean() > judged.alone.mean()
    differences = judged.real - (judged.permuted if control else judged.alone)
    found = paired_lift(differences, bootstrap_plan(judged.people, draws=_DRAWS, seed=seed))
    over = "permuted" if control else "popularity" if judged.rows == 0 else "target"
    return Expected(judged.rows, len(judged.people), found.value, found.low, found.high, over)
