"""The guard: whom the chosen strategy serves, and whom a baseline, since it does better there on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foretaste.data import Transfer
from foretaste.errors import StrategyError
from foretaste.evaluation import FEW, POPULATIONS, Population, Scores
from foretaste.platform._bench import mean_of, worth
from foretaste.platform._compare import Measure, Measured, best_baseline, lifts, means
from foretaste.recommender import Blend, GroupGate, GuardedGate, LinearGate, Recommender
from foretaste.result import HandedOn

ENOUGH: Final = 64
"""The fewest validation people of an activity group that are asked apart: with fewer, chance would decide."""

HANDED_ON: Final = "handed on"
"""What stands for a strategy's name in the table of people's values: no strategy is called so."""

_BOUNDS: Final = (0, FEW)
_PEOPLE: Final[dict[Population, str]] = {"newcomer": "newcomers", "few-shot": "few-shot people", "warm": "warm people"}


@dataclass(frozen=True)
class Served:
    """The strategy of each activity group, by name, in the order of ``POPULATIONS``."""

    choice: str
    by_group: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies that serve anybody, the choice first."""
        return tuple(sorted(set(self.by_group), key=lambda name: (name != self.choice, self.by_group.index(name))))

    @property
    def main(self) -> str:
        """What is handed on, in one word: the choice if it serves anybody."""
        return self.names[0]

    def as_dict(self) -> dict[str, str]:
        """Return population to strategy."""
        return dict(zip(POPULATIONS, self.by_group, strict=True))


def guarded(name: str, found: Mapping[str, Measured], how: Measure, repeat: int = 0) -> tuple[Served, list[str]]:
    """Return who serves whom, by the validation people of one repeat, and why, line by line.

    Every figure is that of settings which were chosen on the other folds. A choice that loses to the best baseline
    there is replaced by it, and so it is in each activity group of enough
    people; groups without them are served as everybody together. Where all that were asked fall back to one baseline,
    it serves everybody.
    """
    if found[name].baseline:
        return Served(name, (name,) * len(POPULATIONS)), []
    rest, line = _compared(name, found, how, repeat, None)
    lines, asked = [line], {}
    by_group = [rest] * len(POPULATIONS)
    groups = found[name].tuned[repeat].fair.populations
    for code, population in enumerate(POPULATIONS):
        people = int((groups == code).sum())
        if people >= ENOUGH:
            by_group[code], line = _compared(name, found, how, repeat, code)
            asked[code] = by_group[code]
        else:
            some = f"{people} on validation, expected {ENOUGH}" if people else "nobody on validation"
            line = f"guard: {_PEOPLE[population]}: {some}: not guarded apart"
        lines.append(line)
    if len(set(asked.values())) == 1 and name not in asked.values():
        by_group = [next(iter(asked.values()))] * len(POPULATIONS)
    return Served(name, tuple(by_group)), lines


def _compared(name: str, found: Mapping[str, Measured], how: Measure, repeat: int, code: int | None) -> tuple[str, str]:
    """Return the better of the choice and the best baseline, for everybody or a group, and the line that says so."""
    metric = how.primary
    fair = {one: measured.tuned[repeat].fair for one, measured in found.items() if measured.baseline or one == name}
    if code is None:
        figures = {one: scores.overall[metric.label] for one, scores in fair.items()}
        where = "on validation"
    else:
        rows = fair[name].populations == code
        figures = {one: mean_of(scores.values[metric.label][rows]) for one, scores in fair.items()}
        where = f"on the {int(rows.sum())} {_PEOPLE[POPULATIONS[code]]} of validation"
    over = max((one for one in figures if found[one].baseline), key=lambda one: worth(figures[one], metric))
    mine, theirs = figures[name], figures[over]
    line = f"guard: {name} has {metric.label} {mine:.4f} {where}, {over} has {theirs:.4f}"
    if worth(mine, metric) < worth(theirs, metric):
        return over, f"{line}: replaced by {over}"
    return name, f"{line}: kept"


def handed_on(served: Sequence[Served], found: Mapping[str, Measured], how: Measure) -> tuple[HandedOn, list[Scores]]:
    """Return the figures of what is handed on, and its scores by repeat, each guarded by its own validation people.

    Every person takes the values of who serves them. A metric of all lists together is known where one strategy serves
    all of a repeat's people.
    """
    scores = [_composed(one, found, repeat, how) for repeat, one in enumerate(served)]
    over = best_baseline(found, how.primary)
    whole = Measured(baseline=False, scores=scores)
    alone = all(found[name].baseline for one in served for name in one.by_group)
    lift = None if alone else lifts({over: found[over], HANDED_ON: whole}, over, how.primary, how.seed).get(HANDED_ON)
    return HandedOn(served_by=served[0].as_dict(), metrics=means(whole.pooled, how.metrics), lift=lift), scores


def _composed(served: Served, found: Mapping[str, Measured], repeat: int, how: Measure) -> Scores:
    mine = {name: found[name].scores[repeat] for name in served.names}
    first = mine[served.main]
    serving = {served.by_group[code] for code in np.unique(first.populations)}
    if len(serving) == 1:
        return mine[serving.pop()]
    values = {}
    for label, some in first.values.items():
        values[label] = some.copy()
        for code, name in enumerate(served.by_group):
            rows = first.populations == code
            values[label][rows] = mine[name].values[label][rows]
    known = {metric.label for metric in how.metrics if metric.per_person}
    overall = {label: mean_of(one) if label in known else float("nan") for label, one in values.items()}
    return Scores(first.people, first.populations, values, overall)


def blended(served: Served, members: Mapping[str, Recommender], transfer: Transfer) -> Recommender:
    """Return one recommender of those that serve the groups; the one that serves all as it is."""
    if len(served.names) == 1:
        return members[served.main]
    try:
        return _blend(served, members, transfer)
    except ValueError as error:
        raise StrategyError(f"{transfer.place}: the guard cannot serve groups by {served.main}: {error}") from error


def _blend(served: Served, members: Mapping[str, Recommender], transfer: Transfer) -> Blend:
    inner = members[served.main]
    if isinstance(inner, Blend) and isinstance(inner.gate, GroupGate | LinearGate):
        # a member may be the same baseline, with other settings
        others = {name: f"{name} (guard)" for name in served.names[1:]}
        parts = {**inner.members, **{others[name]: members[name] for name in others}}
        places = [list(parts).index(others[one]) if one in others else -1 for one in served.by_group]
        gate = GuardedGate(inner.gate, len(parts), tuple(places), _BOUNDS)
        return Blend.of(transfer, parts, gate, notes=inner.own_notes)
    lines = np.array([[float(one == name) for name in members] for one in served.by_group])
    return Blend.of(transfer, members, GroupGate(lines, _BOUNDS))
