"""A contest: in each repeat a race on validation people and a choice, then the figures of all on test people."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foretaste.data import PairFacts
from foretaste.errors import StrategyError
from foretaste.evaluation import HeldOut
from foretaste.metrics import Metric
from foretaste.platform._bench import best_of
from foretaste.platform._compare import Measure, Measured, controls
from foretaste.platform._race import Ask, Clock, Entrant
from foretaste.platform._repeat import Found, Repeat, Rules
from foretaste.platform._search import Sampler
from foretaste.platform._settings import Room, cheapest_of, left_out, settings_of
from foretaste.platform._trial import Limits, Outcome, Trial
from foretaste.result import Control
from foretaste.strategy import Budget, Strategy

_FIRST, _CONTROL = 0.5, 0.7
"""Of the time of all repeats the first may take this: it is worth more than that there are many. Where it had no time
for its control, that may take this of what is left then."""


def contest(transfer: int, strategies: Sequence[Strategy], repeats: Sequence[HeldOut], folds: Sequence[int], ask: Ask,
            rules: Rules) -> Found:  # fmt: skip
    """Race the repeats of one transfer, as many as ``rules`` leave time for; ``folds`` are how many each has."""
    begun, asked = time.monotonic(), len(repeats)
    one = _Contest(transfer, repeats, folds, ask, rules, {one.name: type(one) for one in strategies})
    found = one.begun(strategies, max(1 / asked, _FIRST if rules.fewer else 0.0))
    if rules.fewer and found.uncontrolled:
        found = one.settled(found)
    elif rules.fewer and found.wanting:
        # what was done is known, and goes on from there; what took too long has had its turn
        hurried = {name for name, entrant in found.out.items() if entrant.hurried}
        found = one.begun(sorted(strategies, key=lambda strategy: strategy.name in hurried), 1.0)
    found.repeats, took = asked, time.monotonic() - begun
    if rules.fewer and rules.clock.left < (asked - 1) * took:
        found.repeats = 1 + int(max(rules.clock.left, 0.0) // took)
    for repeat in range(1, found.repeats):
        before = found.copied()
        one.go_on(repeat, 1 / (found.repeats - repeat), found)
        if rules.fewer and found.lost(before):
            found, before.repeats = before, repeat
            break
    if found.repeats < asked:
        found.notes.append(f"time was left for {found.repeats} of {asked} repeats of the hold-out")
    for name in found.out:
        found.real.pop(name, None)
        found.shuffled.pop(name, None)
    return found


@dataclass(eq=False)
class _Contest:
    transfer: int
    repeats: Sequence[HeldOut]
    folds: Sequence[int]
    ask: Ask
    rules: Rules
    kinds: Mapping[str, type[Strategy]]
    """What began the race, by name."""
    _field: list[Strategy] = field(default_factory=list)
    """What races in the next repeat."""
    _lighter: dict[str, list[Strategy]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stopwatch = _Stopwatch(self.transfer, self.ask, self.rules)

    def begun(self, strategies: Sequence[Strategy], share: float) -> Found:
        """Race the first repeat for a share of the time that is left."""
        found, self._lighter = Found(), {}
        self._field, room = list(strategies), self._room(0)
        entrants = self._entrants(room)
        found.notes = _left_out(entrants, room)
        self._race(0, share, entrants, found)
        found.notes += _unproposed(entrants)
        for one in entrants:
            if one.lightened and one.state == "racing":
                self._lighter[one.name] = one.settings
                found.notes.append(f"{one.name}: {one.lightened}")
        return found

    def settled(self, before: Found) -> Found:
        """Choose again in the first repeat, with the control, in all the time that is left."""
        found = Found(notes=before.notes)
        for one in before.running:
            one.state, one.reason = "racing", ""
        entrants = {one.name: one for one in (*before.out.values(), *before.running)}
        self._repeat(0, self.rules.clock).decide(list(entrants.values()), before.running, found, _CONTROL)
        self._field = [one.strategy for one in before.running if one.state == "racing"]
        return found

    def go_on(self, repeat: int, share: float, found: Found) -> None:
        """Race another repeat for a share of the time that is left."""
        self._race(repeat, share, self._entrants(self._room(repeat)), found)

    def _race(self, repeat: int, share: float, entrants: Sequence[Entrant], found: Found) -> None:
        self._repeat(repeat, self.rules.clock.part(share)).run(entrants, found)
        # what cannot win is stopped in the first repeat and left out of the others, so that all others have all repeats
        self._field = [one.strategy for one in entrants if one.state == "racing"]

    def _repeat(self, repeat: int, clock: Clock) -> Repeat:
        stops = self.rules.stops and repeat == 0
        return Repeat(self.transfer, repeat, self.folds[repeat], self.ask, self.rules, clock, stops, self.kinds)

    def _room(self, repeat: int) -> Room:
        rules = self.rules
        facts = [PairFacts.of(pair) for pair in self.repeats[repeat].train.pairs]
        room = Room(facts, Budget(rules.seconds, rules.memory), rules.how.tries)
        return room if rules.seconds is None else replace(room, seconds=self._stopwatch.seconds)

    def _entrants(self, room: Room) -> list[Entrant]:
        lighter, stopped = self._lighter, self._stopwatch.stopped
        return [
            Entrant(one, lighter[one.name]) if one.name in lighter else _entrant(one, room, self.rules, stopped)
            for one in self._field
        ]


def _entrant(strategy: Strategy, room: Room, rules: Rules, stopped: Mapping[str, Outcome]) -> Entrant:
    if rules.search == "optuna" and not strategy.uses_others:
        first = settings_of(strategy, replace(room, tries=1))
        made = Entrant(strategy, first, Sampler(strategy, room, rules.how.seed), rules.how.tries)
    else:
        made = Entrant(strategy, settings_of(strategy, room))
    # a sampler's values are not all known: the grid's are
    known = made.settings if made.sampler is None else settings_of(strategy, replace(room, seconds=None))
    made.cheapest = cheapest_of([made.settings[0], *known], room.facts)
    if strategy.name in stopped:
        made.out("failed", f"its first fit {stopped[strategy.name].reason}")
    elif slow := room.slow(made.settings[0]):
        made.out("late", slow)
    return made


def _left_out(entrants: Sequence[Entrant], room: Room) -> list[str]:
    """Say which settings are not tried; of those that are proposed one by one only the first is known."""
    racing = [one for one in entrants if one.state == "racing"]
    whole = left_out([one.strategy for one in racing if one.sampler is None], room)
    return whole + left_out([one.strategy for one in racing if one.sampler is not None], replace(room, tries=1))


def _unproposed(entrants: Sequence[Entrant]) -> list[str]:
    return [
        f"{one.name}: proposed settings not tried: {len(needs)}, the first {needs[0]}"
        for one in entrants
        if one.sampler is not None and (needs := one.sampler.refused)
    ]


@dataclass(eq=False)
class _Stopwatch:
    """Finds out what a fit would take: like a trial, in a process that may come to grief."""

    transfer: int
    ask: Ask
    rules: Rules
    stopped: dict[str, Outcome] = field(default_factory=dict)
    """By strategy, where a part of the people took so long that its process was stopped."""

    def seconds(self, strategy: Strategy) -> float | None:
        """Return what a fit would take; what fails may do so in the race."""
        rules, name = self.rules, strategy.name
        left = rules.clock.left
        if strategy.ends_in_time or strategy.uses_others or left <= 0:
            return None
        if name not in self.stopped:
            rules.told(f"{name} (timed with a part of the people)")
            trial = Trial(self.transfer, 0, "time", name, strategy.params())
            found = self.ask(trial, Limits(None if left == float("inf") else left, rules.memory))
            if found.why != "time":
                return found.estimate
            self.stopped[name] = found
        return self.stopped[name].limits.seconds


def measured(found: Found, how: Measure, place: str) -> tuple[dict[str, Measured], dict[str, Control] | None]:
    """Return what was measured in all repeats that were raced, and the controls where there are some.

    StrategyError where no baseline was.
    """
    whole = {name: one for name, one in found.real.items() if len(one.scores) == found.repeats}
    baselines = {name: one for name, one in whole.items() if one.baseline}
    if not found.picks or not baselines:
        whys = "".join(f"\n  {name}: {one.reason}" for name, one in found.out.items() if one.reason)
        raise StrategyError(f"{place}: no baseline was measured{whys}")
    shuffled = {name: one for name, one in found.shuffled.items() if name in whole and len(one.scores) == found.repeats}
    return whole, controls(shuffled | baselines, whole, how) if shuffled else None


def choices(found: Found, whole: Mapping[str, Measured], metric: Metric) -> tuple[list[str], list[str]]:
    """Return what was chosen in each repeat, and the baseline that is best on that repeat's validation people.

    Such a baseline stands for a choice that was not measured in all repeats, for want of time or since it failed.
    """
    baselines = {name: one for name, one in whole.items() if one.baseline}
    over = [
        best_of({name: one.tuned[repeat] for name, one in baselines.items()}, metric)
        for repeat in range(len(found.picks))
    ]
    return [pick if pick in whole else base for pick, base in zip(found.picks, over, strict=True)], over
