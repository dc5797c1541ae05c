"""A race: settings of all strategies on validation folds, fewer on each; what cannot win is stopped.

Successive halving (Jamieson and Talwalkar, AISTATS 2016), with folds as what there is more of in each round: of n
settings of a strategy the best n / 2 go on to the second fold, n / 4 to the third. A strategy is stopped as a whole
where its best is surely behind the leader.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foretaste.evaluation import Scores, pooled
from foretaste.metrics import Metric
from foretaste.platform._bench import worth
from foretaste.platform._search import Sampler
from foretaste.platform._trial import Limits, Outcome, Place, Trial
from foretaste.strategy import Strategy

State = Literal["racing", "stopped", "failed", "late"]

_SURELY = 3.0
"""How many standard errors behind the leader cannot win."""
_SHARE, _LONGER = 0.25, 4.0
"""A trial may take this share of the race's time, or so many times as long as the last of its strategy."""


@dataclass(frozen=True)
class Clock:
    """Until when something may go on, as time.monotonic counts; None is for ever."""

    until: float | None = None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return math.inf if self.until is None else self.until - time.monotonic()

    def part(self, share: float) -> Clock:
        """Return the clock of a share of what is left."""
        return self if self.until is None else Clock(time.monotonic() + share * max(self.left, 0.0))


@dataclass(eq=False)
class Entrant:
    """One strategy in a race."""

    strategy: Strategy
    settings: list[Strategy]
    sampler: Sampler | None = None
    """What proposes further settings; None where all are there."""
    tries: int = 1
    """How many settings are tried at most, where there is a sampler."""
    cheapest: Strategy | None = None
    """What is tried once where the first setting takes too long; None where nothing is cheaper."""
    lightened: str = ""
    """Why that one is tried in place of all others, if it is."""
    scores: list[list[Scores]] = field(default_factory=list)
    """Of each setting, what it came to on each fold so far."""
    state: State = "racing"
    reason: str = ""
    failure: str = ""
    """Why the last trial that failed did."""
    seconds: float | None = None
    """What its last trial took."""
    hurried: bool = False
    """Whether a trial of it was stopped for want of time."""
    cpu_seconds: float = 0.0
    memory: int | None = None
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings that it found of others, those too that did not race."""

    def __post_init__(self) -> None:
        self.scores = [[] for _ in self.settings]

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.strategy.name

    @property
    def folds(self) -> int:
        """On how many folds its best setting was tried."""
        return max(len(one) for one in self.scores)

    def best(self, metric: Metric) -> int:
        """Return the place of the best setting among those tried on most folds; the first of equals."""
        far = [place for place, one in enumerate(self.scores) if len(one) == self.folds]
        return max(far, key=lambda place: self._figure(place, metric))

    def ranked(self, metric: Metric, folds: int) -> list[int]:
        """Return the places of the settings that were tried on so many folds, best first."""
        tried = [place for place, one in enumerate(self.scores) if len(one) == folds]
        return sorted(tried, key=lambda place: -self._figure(place, metric))

    def validation(self, metric: Metric) -> Scores:
        """Return what the best setting came to."""
        return pooled(self.scores[self.best(metric)])

    def found(self, metric: Metric) -> Strategy:
        """Return the best setting."""
        return self.settings[self.best(metric)]

    def _figure(self, place: int, metric: Metric) -> float:
        return worth(pooled(self.scores[place]).overall[metric.label], metric)

    def proposed(self, metric: Metric) -> int | None:
        """Return the place of a further setting, None where there is none to try."""
        if self.sampler is None or len(self.settings) >= self.tries or not any(self.scores):
            return None
        worths = [self._figure(place, metric) if one else -math.inf for place, one in enumerate(self.scores)]
        more = self.sampler.propose(list(zip(self.settings, worths, strict=True)))
        if more is None:
            return None
        self.settings.append(more)
        self.scores.append([])
        return len(self.settings) - 1

    def lighten(self, reason: str) -> None:
        """Try the cheapest setting, and no other after the first."""
        assert self.cheapest is not None
        self.settings, self.scores, self.sampler = [self.settings[0], self.cheapest], [[], []], None
        self.lightened = f"its first setting {reason}, only the cheapest is tried"

    def out(self, state: State, reason: str) -> None:
        """Leave the race."""
        self.state, self.reason = state, reason


Ask = Callable[[Trial, Limits], Outcome]


@dataclass(eq=False)
class Race:
    """One repeat of one transfer: ``ask`` does a trial, or knows what came of it."""

    transfer: int
    repeat: int
    permuted: bool
    folds: int
    metric: Metric
    ask: Ask
    clock: Clock
    memory: int | None = None
    stops: bool = True
    """Whether what cannot win is stopped."""
    told: Callable[[str], None] = lambda line: None
    _whole: float = math.inf
    _cut: bool = False
    """Whether time was up before all folds were done."""

    def run(self, entrants: Sequence[Entrant]) -> None:
        """Race; what each came to is in the entrants. Those that use others come when the others are done."""
        self._whole = self.clock.left
        whole, self.clock = self.clock, self.clock.part(0.8 if any(e.strategy.uses_others for e in entrants) else 1.0)
        plain = [one for one in entrants if not one.strategy.uses_others]
        for fold in range(self.folds):
            if self._cut:
                break
            if self.stops and fold:
                self._stop(plain, fold)
            self._round(plain, fold)
        self.clock = whole
        for one in entrants:
            if one.strategy.uses_others:
                self._on_plan(one, plain)

    def _round(self, entrants: Sequence[Entrant], fold: int) -> None:
        clock, self.clock = self.clock, self.clock.part(0.6 if fold == 0 and self.folds > 1 else 1.0)
        for one, place in _turns(entrants, fold, self.metric):
            if one.state == "racing":
                self._try(one, place, fold)
        self.clock = clock
        running = [one for one in entrants if one.state == "racing"]
        through = {one.strategy.baseline for one in running if one.folds > fold}
        if fold and through != {one.strategy.baseline for one in running}:
            # nobody to choose from on this fold: time was up, and all are judged by the folds before
            for one in running:
                one.scores = [scores[:fold] for scores in one.scores]
            self.folds, self._cut = fold, True
            return
        for one in running:
            if one.folds <= fold:
                late = f"no time was left for it on fold {fold + 1} of {self.folds}"
                one.out("failed" if one.failure else "late", one.failure or late)

    def _try(self, one: Entrant, place: int, fold: int) -> None:
        if self.clock.left <= (one.seconds or 0.0):
            return
        found = self._asked(one, one.settings[place], fold)
        if found.scores is None:
            # what a strategy cannot do with these settings it may do with others, but not in time
            one.failure = found.reason
            if found.why == "time" and one.seconds is None:
                one.failure = f"its first fit {found.reason}{', its cheapest too' if one.lightened else ''}"
                if one.cheapest is not None and not one.lightened:
                    one.lighten(found.reason)
                else:
                    one.out("failed", one.failure)
            return
        if one.lightened and len(one.settings) > 1:
            one.settings, one.scores, place = one.settings[1:], one.scores[1:], 0
        one.scores[place].append(found.scores)
        one.seconds = found.seconds
        if place == 0 and fold == 0 and not found.placed and self.metric.kind == "ranking":
            # everybody is answered by popularity, and no setting changes that
            one.settings, one.scores, one.sampler = one.settings[:1], one.scores[:1], None

    def _asked(
        self, one: Entrant, setting: Strategy, place: Place, settled: Mapping[str, Strategy] | None = None
    ) -> Outcome:
        left = self.clock.left
        seconds = None if left == math.inf else min(left, max(_SHARE * self._whole, _LONGER * (one.seconds or 0.0)))
        if settled:
            seconds = None if left == math.inf else left
        trial = Trial(
            self.transfer,
            self.repeat,
            place,
            one.name,
            setting.params(),
            self.permuted,
            {name: found.params() for name, found in (settled or {}).items()},
            self.folds if place == "plan" and self._cut else None,
        )
        self.told(f"{one.name} on {place if isinstance(place, str) else f'fold {place + 1}'}")
        found = self.ask(trial, Limits(seconds, self.memory))
        one.hurried |= found.why == "time"
        one.cpu_seconds += found.cpu_seconds
        one.memory = max((m for m in (one.memory, found.memory) if m is not None), default=None)
        return found

    def _on_plan(self, one: Entrant, others: Sequence[Entrant]) -> None:
        done = {other.name: other.found(self.metric) for other in others if other.folds == self.folds}
        if self.clock.left <= 0 or not done:
            one.out("late", "no time was left for it")
            return
        found = self._asked(one, one.strategy, "plan", done)
        if found.scores is None:
            one.out("failed", found.reason)
        else:
            one.settings, one.scores = [one.strategy], [[found.scores]]
            one.seconds, one.settled = found.seconds, found.settled

    def _stop(self, entrants: Sequence[Entrant], folds: int) -> None:
        running = [one for one in entrants if one.state == "racing" and one.folds == folds]
        if not running:
            return
        leader = max(running, key=lambda one: figure_of(one, self.metric))
        for one in running:
            if one is leader or one.strategy.baseline:
                continue
            behind = _behind(one.validation(self.metric), leader.validation(self.metric), self.metric)
            if behind is not None:
                one.out("stopped", f"cannot win: {behind} behind {leader.name}")


def _turns(entrants: Sequence[Entrant], fold: int, metric: Metric) -> Iterator[tuple[Entrant, int]]:
    """Yield who is tried with which setting: everybody's first, the cheapest of those whose first took too long, then
    the other settings of one after another.

    Best first, once that is known. Settings of one in a row share what they have in common.
    """
    running = [one for one in entrants if one.state == "racing" and one.folds == fold]
    places = {
        one: one.ranked(metric, fold)[: _kept(one, fold)] if fold else list(range(len(one.settings))) for one in running
    }

    def ordered(known: bool) -> list[Entrant]:
        return sorted(running, key=lambda one: -figure_of(one, metric)) if known else running

    for one in ordered(fold > 0):
        yield one, places[one][0]
    for one in running:
        if one.lightened and not any(one.scores):
            yield one, 1
    for one in ordered(True):
        for place in places[one][1:]:
            if place < len(one.settings) and not one.lightened:  # there may be fewer by now
                yield one, place
        while not fold and (more := one.proposed(metric)) is not None:
            yield one, more


def _kept(one: Entrant, fold: int) -> int:
    """Return how many settings go on to a fold."""
    return max(1, -(-len(one.settings) // (1 << fold)))


def figure_of(one: Entrant, metric: Metric) -> float:
    """Return what an entrant's best setting is worth on the validation people that it was tried on."""
    return worth(one.validation(metric).overall[metric.label], metric) if any(one.scores) else -math.inf


def differences(mine: Scores, theirs: Scores, metric: Metric) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how much better (people,) the one is than the other, and who the people are: those with both values.

    Of two races of a repeat one may have been cut by time: it has the first folds, which are the first people.
    """
    both, sign = min(len(mine.people), len(theirs.people)), 1 if metric.higher_is_better else -1
    found = sign * (mine.values[metric.label][:both] - theirs.values[metric.label][:both])
    defined = np.isfinite(found)
    return found[defined], mine.people[:both][defined]


def _behind(mine: Scores, leader: Scores, metric: Metric) -> str | None:
    found, _ = differences(mine, leader, metric)
    if len(found) < 2:
        return None
    mean, error = float(found.mean()), float(found.std(ddof=1)) / math.sqrt(len(found))
    if mean + _SURELY * error >= 0:
        return None
    return f"{metric.label} {-mean:.4f} ({error:.4f} is one standard error, {len(found)} people)"
