"""The validation plan: the run's own hold-out, applied again inside the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretaste.data import Transfer
from foretaste.evaluation._holdout import HeldOut, hide_people, hold_out, last_rows, split
from foretaste.experiment import GivenHoldout, HoldoutSpec, LastItemsHoldout, NewcomersHoldout, RandomHoldout


@dataclass(frozen=True, eq=False)
class ValidationPlan:
    """Folds of the training data. Strategies tune on these and nothing else; the guard scores everyone on them."""

    folds: tuple[HeldOut, ...]


def validation_plan(train: Transfer, spec: HoldoutSpec, seed: int, folds: int) -> ValidationPlan:
    """Split the training data as the run was split.

    Newcomers: the remaining shared people in ``folds`` parts, each hidden once. Random: as many random splits.
    Given: the rows that are called validation, where there are some. Other kinds: one fold.
    """
    if isinstance(spec, NewcomersHoldout):
        return ValidationPlan(_people(train, spec, seed, folds))
    if isinstance(spec, RandomHoldout):
        return ValidationPlan(tuple(hold_out(train, spec, seed + 1000 + fold) for fold in range(folds)))
    if isinstance(spec, GivenHoldout):
        return ValidationPlan((_given(train, spec, seed),))
    if isinstance(spec, LastItemsHoldout):
        mask = last_rows(train.target.interactions, spec.n)
        return ValidationPlan((split(train, mask, mask, {}),))
    return ValidationPlan((hold_out(train, spec.model_copy(update={"at": None}), seed),))


def _people(train: Transfer, spec: NewcomersHoldout, seed: int, folds: int) -> tuple[HeldOut, ...]:
    rng = np.random.default_rng([seed, 3])
    # people with no more than the visible rows have nothing to hide: the test people of the run are among them
    long_enough = train.target.interactions.history[train.shared_people] > max([spec.visible, *spec.levels])
    people = rng.permutation(train.shared_people[long_enough])
    parts = np.array_split(people, min(folds, max(1, len(people))))
    held = []
    for part in parts:
        hidden, test = hide_people(train.target.interactions, part, spec, rng)
        held.append(split(train, hidden, test, {}))
    return tuple(held)


def _given(train: Transfer, spec: GivenHoldout, seed: int) -> HeldOut:
    splits = train.target.interactions.splits
    if splits is not None and (splits == spec.validation).any():
        return hold_out(train, spec.model_copy(update={"test": spec.validation}), seed)
    return hold_out(train, RandomHoldout(kind="random", fraction=0.1), seed + 1000)
