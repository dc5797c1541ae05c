"""How long a fit would take: timed with a part of the people, and reckoned up to all of them.

A first part tells whether the whole is far below the budget, and nothing more is timed then. Otherwise a part twice as
large tells how the time of a strategy grows: with a constant share, as items are all there in a part too; or faster
than rows, as where people are compared with people. Where a strategy says what memory it takes, time is reckoned to
grow with that in place of rows: closed forms take both for the smaller number of people and items.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np

from foretaste.data import Interactions, PairFacts, Transfer
from foretaste.errors import CancelledError
from foretaste.platform._fit import Fitter
from foretaste.platform._settings import Estimate, memory_of
from foretaste.plugins import said
from foretaste.strategy import Strategy, silent

_PART: Final = 1 / 8
"""The people of the first part; the second has twice as many."""
_PEOPLE: Final = 250
"""How many people a part has at least."""
_AMPLE: Final = 10
"""So many times as long as a fit takes, a budget is enough for other settings too: they are not timed."""
_SPENT: Final = 3
"""So many times the budget timing one strategy may take; settings that are left are taken to be like its first."""
_STEEPEST: Final = 2.0
"""The power of rows, or of memory, that time is believed to grow with at most."""


_Place = tuple[str, tuple[int | None, ...]]


@dataclass(frozen=True, eq=False)
class _Part:
    """Some of a transfer's people with all their rows, in all domains."""

    people: Transfer
    facts: list[PairFacts]

    @property
    def rows(self) -> float:
        """How many rows all domains have."""
        return max(1.0, sum(map(len, _interactions(self.people))))

    def memory(self, strategy: Strategy) -> float:
        """What memory a strategy says it takes; 0 where it does not say."""
        need = memory_of(strategy, self.facts)
        return 0.0 if need is None else need.bytes


@dataclass(eq=False)
class Timing:
    """Estimates of one run, each made once for a transfer: for all repeats and folds of it."""

    fitter: Fitter
    _found: dict[tuple[tuple[_Place, str], str], Estimate] = field(default_factory=dict)
    _growth: dict[tuple[_Place, str], float] = field(default_factory=dict)
    """How many times as long as with the first part the whole takes."""
    _spent: dict[tuple[_Place, str], tuple[float, Estimate]] = field(default_factory=dict)
    """What timing a strategy took so far, and what was found of its first setting."""
    _parts: tuple[_Place, list[_Part]] = (("", ()), [])

    def seconds(self, strategy: Strategy, train: Transfer) -> Estimate:
        """Return how long the longer of pretraining and adapting takes, or why that cannot be said.

        None for a strategy that ends in time by itself, or fits others, which are estimated one by one.
        """
        if strategy.ends_in_time or strategy.uses_others:
            return None
        place, setting = (_place_of(train), strategy.name), strategy.model_dump_json()
        spent, first = self._spent.get(place, (0.0, None))
        if (place, setting) not in self._found:
            if spent > _SPENT * self._budget or (isinstance(first, float) and _AMPLE * first <= self._budget):
                return first
            self.fitter.context.progress(f"{train.place}: {strategy.name} (timed with a part of the people)")
            begun = time.perf_counter()
            found = self._found[place, setting] = self._told(strategy, train)
            spent += time.perf_counter() - begun
            self._spent[place] = spent, found if first is None else first
        return self._found[place, setting]

    def _told(self, strategy: Strategy, train: Transfer) -> Estimate:
        try:
            return self._estimated(strategy, train)
        except CancelledError:
            raise
        except (Exception, SystemExit) as error:
            # it is for the fit itself to fail, with everybody there
            return f"a fit with a part of the people failed: {said(error)}"

    @property
    def _budget(self) -> float:
        seconds = self.fitter.context.budget.seconds
        return math.inf if seconds is None else seconds

    def _estimated(self, strategy: Strategy, train: Transfer) -> float:
        place = _place_of(train), strategy.name
        first, second, whole = self._parts_of(train)
        took = self._took(strategy, first)
        if place in self._growth:
            return took * self._growth[place]
        sizes = [part.memory(strategy) for part in (first, second, whole)]
        if not 0 < sizes[0] < sizes[1]:
            sizes = [part.rows for part in (first, second, whole)]
        alike = took * max(sizes[2] / sizes[0], whole.rows / first.rows)
        if first.people is whole.people or _AMPLE * alike <= self._budget or took > self._budget:
            return alike
        took = min(took, self._took(strategy, first))  # packages were imported the first time
        found = reckoned((sizes[0], took), (sizes[1], self._took(strategy, second)), sizes[2])
        self._growth[place] = found / took
        return found

    def _took(self, strategy: Strategy, part: _Part) -> float:
        """Fit with a part of the people, and stop where that alone takes more than the budget has."""
        begun = time.perf_counter()
        outer, limit = self.fitter.context, self._budget

        def enough() -> bool:
            return outer.cancel() or time.perf_counter() - begun > limit

        fitter = Fitter(self.fitter.host, replace(outer, cancel=enough, progress=silent), saved=self.fitter.saved)
        context = fitter.inside({}, None)
        works: list[Callable[[], object]] = [
            *(partial(fitter.pretrained, strategy, pair.source, context) for pair in part.people.pairs),
            partial(fitter.fit, strategy, part.people, context),
        ]
        try:
            return max(_seconds(work) for work in works)
        except CancelledError:
            if outer.cancel():
                raise
            return time.perf_counter() - begun

    def _parts_of(self, train: Transfer) -> list[_Part]:
        """Return two parts, the smaller one first, and all; kept until another transfer is asked about."""
        if self._parts[0] != _place_of(train):
            n = max(int((rows.history > 0).sum()) for rows in _interactions(train))
            first = max(_PART, _PEOPLE / max(n, 1))
            parts = [part_of(train, share, self.fitter.context.seed) for share in (first, 2 * first, 1.0)]
            self._parts = _place_of(train), [_Part(one, [PairFacts.of(pair) for pair in one.pairs]) for one in parts]
        return self._parts[1]


def part_of(transfer: Transfer, share: float, seed: int) -> Transfer:
    """Return a transfer with a share of its people and all their rows, over the same indexes.

    Who is linked stays linked. A larger share has those of a smaller one, and more.
    """
    if share >= 1:
        return transfer
    rng = np.random.default_rng([seed, 11])
    target = transfer.target.interactions
    drawn = rng.random(len(target.users)) < share
    sources = {}
    for pair in transfer.pairs:
        rows = pair.source.interactions
        keep = rng.random(len(rows.users)) < share
        if pair.user_links is not None:
            linked = np.diff(pair.user_links.indptr) > 0
            keep = np.where(linked, pair.user_links @ drawn.astype(np.float32) > 0, keep)
        sources[pair.source.name] = rows.take(keep[rows.user_rows])
    return transfer.replaced(target.take(drawn[target.user_rows]), sources)


def reckoned(first: tuple[float, float], second: tuple[float, float], size: float) -> float:
    """Return the seconds of a size from (size, seconds) of two smaller ones: a line, or a power where it bends up."""
    (small, quick), (large, slow) = first, second
    if large <= small or slow <= quick:
        return slow
    power = math.log(slow / quick) / math.log(large / small)
    if power > 1:
        return float(slow * (size / large) ** min(power, _STEEPEST))
    return slow + (slow - quick) / (large - small) * (size - large)


def _place_of(transfer: Transfer) -> _Place:
    """Return what is the same in all repeats and folds, and with people permuted."""
    links = [link for pair in transfer.pairs for link in (pair.user_links, pair.item_links)]
    return transfer.place, tuple(None if one is None else one.nnz for one in links)


def _interactions(transfer: Transfer) -> list[Interactions]:
    return [transfer.target.interactions, *(pair.source.interactions for pair in transfer.pairs)]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def timed(fitter: Fitter) -> Fitter:
    """Return the fitter, with estimates where its budget has seconds."""
    if fitter.context.budget.seconds is not None:
        fitter.seconds = Timing(fitter).seconds
    return fitter
