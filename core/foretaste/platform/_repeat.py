"""One repeat of a contest: a race, the same with people permuted, the choice, and what test people say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace

from foretaste.evaluation import Scores, bootstrap_plan, holm, paired_lifts, verdict
from foretaste.metrics import Metric
from foretaste.platform._bench import Tuned
from foretaste.platform._compare import Measure, Measured
from foretaste.platform._race import Ask, Clock, Entrant, Race, differences, figure_of
from foretaste.platform._search import SearchKind
from foretaste.platform._trial import Limits, Outcome, Trial
from foretaste.strategy import Strategy, make_strategy

_REAL, _SHUFFLED = 0.6, 0.4
"""Of the time of a repeat the race takes this at most; of what is then left the race with people permuted this."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What a contest goes by."""

    how: Measure
    clock: Clock
    memory: int | None
    control: bool
    """Whether all is done again with the source's people permuted."""
    stops: bool
    """Whether what cannot win is stopped."""
    search: SearchKind
    told: Callable[[str], None]
    seconds: float | None = None
    """What each fit may take; None is what the race leaves it."""
    fewer: bool = False
    """Whether repeats for which there is no time are left out; otherwise each has its part of the time."""


@dataclass(eq=False)
class Found:
    """What a contest came to."""

    real: dict[str, Measured] = field(default_factory=dict)
    """What was measured on the test people of all repeats."""
    shuffled: dict[str, Measured] = field(default_factory=dict)
    """The same with people permuted."""
    out: dict[str, Entrant] = field(default_factory=dict)
    """What was not, as it left the race."""
    memory: dict[str, int] = field(default_factory=dict)
    """The most bytes that the process of a strategy held."""
    picks: list[str] = field(default_factory=list)
    """What was chosen in each repeat."""
    trace: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Which settings were not tried, and which repeats."""
    repeats: int = 0
    """How many were raced."""
    running: list[Entrant] = field(default_factory=list)
    """Who was in the race to its end, in the last repeat."""
    uncontrolled: bool = False
    """Whether there was no time for the control of some that surely gain, and no other was chosen."""

    @property
    def wanting(self) -> bool:
        """Whether there is nothing to choose from, or no transfer was chosen and some were not done in time."""
        late = any((one.state == "late" or one.hurried) and not one.strategy.baseline for one in self.out.values())
        chosen = (self.real.get(pick) for pick in self.picks)
        return not self.picks or (late and all(one is None or one.baseline for one in chosen))

    def copied(self) -> Found:
        """Return what there is now, which goes on apart."""
        parts = {one.name: copy(getattr(self, one.name)) for one in fields(self)}
        for name in ("real", "shuffled"):
            parts[name] = {
                key: replace(one, tuned=list(one.tuned), scores=list(one.scores)) for key, one in parts[name].items()
            }
        return Found(**parts)

    def lost(self, before: Found) -> bool:
        """Whether in a further repeat there was no time for somebody who was measured in those before it."""
        late = {name for name, one in self.out.items() if one.state == "late"}
        return len(self.picks) == len(before.picks) or bool(late & before.real.keys() - before.out.keys())


@dataclass(eq=False)
class Repeat:
    """One repeat of the hold-out of one transfer, within a time of its own."""

    transfer: int
    repeat: int
    folds: int
    ask: Ask
    rules: Rules
    clock: Clock
    stops: bool
    kinds: Mapping[str, type[Strategy]]
    """What began the race, by name."""

    def run(self, entrants: Sequence[Entrant], found: Found) -> None:
        """Race, choose, and ask the test people."""
        self._race(entrants, self.clock.part(_REAL), permuted=False)
        self.decide(entrants, [one for one in entrants if one.state == "racing"], found, _SHUFFLED)

    def decide(self, entrants: Sequence[Entrant], running: Sequence[Entrant], found: Found, control: float) -> None:
        """Choose among those that are still ``running``, with this share of the time for the control, and ask."""
        metric = self.rules.how.primary
        found.running = list(running)
        over = _best(running, metric, baselines=True)
        if over is None:
            found.out |= {one.name: one for one in entrants}
            return
        surely = _surely_ahead(running, over, metric, self.rules.how.seed)
        asked = surely if self.clock.until else running
        shuffled = self._shuffled(asked, running, control) if self.rules.control else {}
        pick, line = _choice(running, over, surely, shuffled, metric, self.rules.how.seed)
        found.picks.append(pick)
        found.trace.append(f"repeat {self.repeat + 1}: {line}")
        again = [one for one in shuffled.values() if one.state == "racing"]
        found.uncontrolled = self.clock.until is not None and pick == over.name and len(again) < len(shuffled)
        first = [one for one in running if one.strategy.baseline or one.name == pick]
        # time may be up before all are done: the choice with its control comes first
        self._finals(first, running, found.real, found, permuted=False)
        self._finals([one for one in again if one.name == pick], again, found.shuffled, found, permuted=True)
        self._finals([one for one in running if one not in first], running, found.real, found, permuted=False)
        self._finals([one for one in again if one.name != pick], again, found.shuffled, found, permuted=True)
        found.out |= {one.name: one for one in entrants if one.state != "racing"}

    def _race(self, entrants: Sequence[Entrant], clock: Clock, *, permuted: bool) -> None:
        rules = self.rules
        Race(
            self.transfer,
            self.repeat,
            permuted,
            self.folds,
            rules.how.primary,
            self.ask,
            clock,
            rules.memory,
            stops=self.stops and not permuted,
            told=rules.told,
        ).run(entrants)

    def _shuffled(self, asked: Sequence[Entrant], running: Sequence[Entrant], share: float) -> dict[str, Entrant]:
        """Race again with people permuted: those asked for, and what those that use others are made of.

        Where time is short one after another, best first: it takes one that is surely better than its control.
        """
        wanted = [one for one in asked if not one.strategy.baseline]
        mixes = [one for one in wanted if one.strategy.uses_others]
        if mixes:
            wanted = [one for one in running if one in wanted or not one.strategy.uses_others]
        # the same settings, also where they were proposed one by one
        again = {one: Entrant(one.strategy, list(one.settings), seconds=one.seconds) for one in wanted}
        clock = self.clock.part(share)
        if clock.until is not None:
            for one in sorted(wanted, key=lambda one: (one.strategy.baseline, -figure_of(one, self.rules.how.primary))):
                if not one.strategy.uses_others:
                    self._race([again[one]], clock, permuted=True)
            if mixes:  # what was done is known
                again = {one: Entrant(one.strategy, list(one.settings)) for one in wanted}
        if again and (mixes or clock.until is None):
            self._race(list(again.values()), clock, permuted=True)
        return {one.name: one for one in again.values() if not one.strategy.baseline}

    def _finals(
        self,
        entrants: Sequence[Entrant],
        all_: Sequence[Entrant],
        into: dict[str, Measured],
        found: Found,
        *,
        permuted: bool,
    ) -> None:
        """Fit each on all training data, best first, and ask the test people; ``all_`` is what others may use."""
        metric = self.rules.how.primary
        settled = {one.name: one.found(metric).params() for one in all_ if not one.strategy.uses_others}
        for one in sorted(entrants, key=lambda one: -figure_of(one, metric)):
            best = one.found(metric)
            handed = one.settled | settled if one.strategy.uses_others else {}
            trial = Trial(self.transfer, self.repeat, "test", one.name, best.params(), permuted, handed)
            self.rules.told(f"{one.name} on test people{' (permuted)' if permuted else ''}")
            left = self.clock.left
            outcome = self._asked(trial, left)
            if outcome.scores is None:
                if not permuted:
                    one.out("late" if outcome.why == "time" else "failed", outcome.reason)
                continue
            settings = {n: make_strategy(self.kinds[n], params) for n, params in handed.items() if n in self.kinds}
            mine = into.setdefault(one.name, Measured(one.strategy.baseline, settled=settings))
            if len(mine.scores) < self.repeat:
                continue  # an earlier repeat is missing
            mine.tuned.append(Tuned(best, one.validation(metric), one.cpu_seconds, False))
            mine.scores.append(outcome.scores)
            mine.cpu_seconds += one.cpu_seconds + outcome.cpu_seconds
            for memory in (one.memory, outcome.memory):
                if memory is not None and not permuted:
                    found.memory[one.name] = max(found.memory.get(one.name, 0), memory)

    def _asked(self, trial: Trial, left: float) -> Outcome:
        if left <= 0:
            return Outcome(why="time", reason="no time was left for its test people")
        return self.ask(trial, Limits(None if left == float("inf") else left, self.rules.memory))


def _best(entrants: Sequence[Entrant], metric: Metric, *, baselines: bool) -> Entrant | None:
    some = [one for one in entrants if one.strategy.baseline is baselines]
    return max(some, key=lambda one: figure_of(one, metric), default=None)


def _surely_ahead(entrants: Sequence[Entrant], over: Entrant, metric: Metric, seed: int) -> list[Entrant]:
    """Return the transfer strategies that help on validation people: Holm over all that were raced."""
    some = [one for one in entrants if not one.strategy.baseline]
    theirs = over.validation(metric)
    return _helping({one: (one.validation(metric), theirs) for one in some}, metric, seed)


def _helping(pairs: Mapping[Entrant, tuple[Scores, Scores]], metric: Metric, seed: int) -> list[Entrant]:
    found = {}
    for one, (mine, theirs) in pairs.items():
        gained, people = differences(mine, theirs, metric)
        if len(gained):
            found[one] = paired_lifts(gained[None, :], bootstrap_plan(people, seed=seed))[0]
    adjusted = holm([interval.p for interval in found.values()])
    return [
        one
        for (one, interval), p in zip(found.items(), adjusted, strict=True)
        if verdict(interval, float(p)) == "helps"
    ]


def _choice(
    running: Sequence[Entrant],
    over: Entrant,
    surely: Sequence[Entrant],
    shuffled: Mapping[str, Entrant],
    metric: Metric,
    seed: int,
) -> tuple[str, str]:
    """Return what is handed on, and why: transfer where it surely helps on validation people, else the baseline.

    Where the race was run with people permuted too, it must surely be better than that, and not help then.
    """
    able = {one: shuffled[one.name] for one in surely if one.name in shuffled and shuffled[one.name].state == "racing"}
    if shuffled:
        theirs = over.validation(metric)
        fooled = _helping({one: (again.validation(metric), theirs) for one, again in able.items()}, metric, seed)
        pairs = {one: (one.validation(metric), again.validation(metric)) for one, again in able.items()}
        surely = [one for one in _helping(pairs, metric, seed) if one not in fooled]
    best = _best(surely, metric, baselines=False)
    base = f"{over.name} has {metric.label} {over.validation(metric).overall[metric.label]:.4f}"
    if best is None:
        return over.name, f"{base} on validation people, and no transfer surely more: {over.name} chosen"
    return best.name, f"{best.name} chosen: {best.validation(metric).overall[metric.label]:.4f}, {base}"
