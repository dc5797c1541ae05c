"""The strategies that are mixed: which can serve, with which settings, and what they say of people held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foretaste import Blend, Context, GroupGate, LinearGate, Recommender, StrategyError, Transfer
from foretaste_adaptive._evidence import Evidence, Judge, evidence_of, joined
from foretaste_adaptive._mixes import Weights

MEMBERS = (
    "baseline/popular",
    "baseline/ease",
    "align/ridge",
    "align/prior",
    "align/similarity",
    "linear/naive-bayes",
    "linear/ridge",
    "linear/ease",
    "lightfm/side-features",
    "deep/finetune",
)


@dataclass(frozen=True, eq=False)
class Members:
    """What can serve, fitted on all training data, and what it says of the validation plan's people."""

    fitted: Mapping[str, Recommender]
    evidence: Evidence | None
    """None without a plan: then nothing can be learnt."""
    notes: tuple[str, ...]
    baselines: frozenset[str] = frozenset()
    """Those that carry nothing over; empty where the context does not say."""


def gathered(names: Sequence[str], facts: Sequence[str], transfer: Transfer, context: Context) -> Members:
    """Tune members on the validation plan, and fit them on its folds and on all training data.

    What objects, fails or lacks its package is passed over in a note. ``facts`` are read of everybody, with
    ``entropy`` for that of each member. StrategyError where nothing can serve.
    """
    if context.fit is None:
        raise StrategyError("mixes other strategies, and the context has no way to fit them")
    folds = context.validation.folds if context.validation else ()
    trains = [*(fold.train for fold in folds), transfer]
    fitted: dict[str, list[Recommender]] = {}
    notes = []
    for name in dict.fromkeys(names):
        obstacle = None if context.obstacle is None else context.obstacle(name, {})
        if obstacle is None:
            try:
                params = {} if context.tune is None else context.tune(name, {})
                fitted[name] = [context.fit(name, params, train) for train in trains]
            except StrategyError as error:
                obstacle = " ".join(str(error).split())
        if obstacle is not None:
            notes.append(f"{name} is not mixed: {obstacle}")
    if not fitted:
        raise StrategyError(f"none of the members can serve: {'; '.join(notes)}")
    reading = reader(facts, len(fitted))
    parts, judge = [], Judge.of(transfer, context.metric)
    for place, fold in enumerate(folds):
        told = {name: models[place] for name, models in fitted.items()}
        parts += evidence_of(Blend.of(fold.train, told, reading), fold.people, fold.truth, reading, place, judge)
    if not parts:
        notes.append("nobody was held out to learn weights from: all members count alike")
    handed_on = {name: models[-1] for name, models in fitted.items()}
    baselines = frozenset(name for name in fitted if context.transfers and not context.transfers(name))
    return Members(handed_on, joined(parts) if parts else None, tuple(notes), baselines)


def reader(facts: Sequence[str], members: int) -> LinearGate:
    """Return a gate that weighs all members alike, and reads these facts."""
    names = [name for name in facts if name != "entropy"]
    if "entropy" in facts:
        names += [f"entropy:{place}" for place in range(members)]
    none = np.zeros(len(names))
    return LinearGate(tuple(names), np.zeros(members), np.zeros((members, len(names))), none, none + 1)


def constant(members: Members, transfer: Transfer, weights: Weights) -> Blend:
    """Return the blend with the same weights (members,) for everybody."""
    return by_group(members, transfer, weights[None], ())


def by_group(members: Members, transfer: Transfer, lines: Weights, bounds: tuple[int, ...]) -> Blend:
    """Return the blend with weights (groups, members); members of none in any group are left out."""
    heavy = np.flatnonzero(lines.any(axis=0))
    names = [list(members.fitted)[place] for place in heavy]
    gate = GroupGate(lines[:, heavy], bounds)
    return Blend.of(transfer, {name: members.fitted[name] for name in names}, gate, notes=members.notes)
