"""The validation plan: the run's own hold-out, applied again inside the training data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from foretaste.data import Interactions, Transfer
from foretaste.errors import DataError
from foretaste.evaluation._holdout import HeldOut, after, hide_people, last_rows, random_rows, split
from foretaste.experiment import GivenHoldout, HoldoutSpec, LastItemsHoldout, NewcomersHoldout, RandomHoldout


@dataclass(frozen=True, eq=False)
class ValidationPlan:
    """Folds of the training data. Strategies tune on these and nothing else; the guard scores everyone on them."""

    folds: tuple[HeldOut, ...]

    def parted(self, parts: int) -> ValidationPlan:
        """Return the plan; a single fold as so many of parts of its people, in their order and trained on alike."""
        if len(self.folds) > 1:
            return self
        (fold,) = self.folds
        groups = np.array_split(fold.people, min(parts, len(fold.people)))
        bounds = [-1, *(int(group[-1]) for group in groups[:-1]), len(fold.test.users)]
        people = fold.test.user_rows
        between = [(people > low) & (people <= high) for low, high in pairwise(bounds)]
        return ValidationPlan(tuple(replace(fold, test=fold.test.take(rows)) for rows in between))


def validation_plan(train: Transfer, spec: HoldoutSpec, seed: int, folds: int) -> ValidationPlan:
    """Split the training data as the run was split.

    Newcomers: the remaining shared people in ``folds`` parts, each hidden once. Random: as many random splits.
    Given: the rows that are called validation; a random tenth where there are none and the spec names none. Other
    kinds: one fold. Folds without anybody who preferred a hidden row, or without a row to train on, are left out;
    DataError where none is left, or the spec names validation rows that are not there.
    """
    useful = (fold for fold in _folds(train, spec, seed, folds) if len(fold.people) and len(_rows(fold.train)))
    plan = ValidationPlan(tuple(useful))
    if not plan.folds:
        raise DataError(
            f"{train.target.name}: the training data leaves nobody to validate on;"
            f" expected people whose rows can be hidden once more (holdout {spec.kind})"
        )
    return plan


def _folds(train: Transfer, spec: HoldoutSpec, seed: int, folds: int) -> Iterator[HeldOut]:
    if isinstance(spec, NewcomersHoldout):
        yield from _people(train, spec, seed, folds)
    elif isinstance(spec, RandomHoldout):
        for fold in range(folds):
            yield _random(train, spec.fraction, np.random.default_rng([seed, 5, fold]))
    elif isinstance(spec, GivenHoldout):
        yield _given(train, spec, seed)
    elif isinstance(spec, LastItemsHoldout):
        mask = last_rows(_rows(train), spec.n, np.random.default_rng([seed, 7]))
        yield split(train, mask, mask, {})
    else:
        hidden, sources = after(train, spec.model_copy(update={"at": None}))
        yield split(train, hidden, hidden, sources)


def _rows(transfer: Transfer) -> Interactions:
    return transfer.target.interactions


def _people(train: Transfer, spec: NewcomersHoldout, seed: int, folds: int) -> Iterator[HeldOut]:
    rng = np.random.default_rng([seed, 3])
    # people with no more than the visible rows have nothing to hide: the test people of the run are among them
    long_enough = train.target.interactions.history[train.shared_people] > max([spec.visible, *spec.levels])
    people = rng.permutation(train.shared_people[long_enough])
    for part in np.array_split(people, min(folds, max(1, len(people)))):
        hidden, test = hide_people(train.target.interactions, part, spec, rng)
        yield split(train, hidden, test, {})


def _given(train: Transfer, spec: GivenHoldout, seed: int) -> HeldOut:
    splits = _rows(train).splits
    if splits is None or not (splits == spec.validation).any():
        if splits is not None and "validation" in spec.model_fields_set:
            raise DataError(
                f"{train.target.name}: holdout.validation: no row is called '{spec.validation}';"
                f" found {', '.join(sorted(set(splits)))}"
            )
        return _random(train, 0.1, np.random.default_rng([seed, 5, 0]))
    mask = np.asarray(splits == spec.validation, bool)
    return split(train, mask, mask, {})


def _random(train: Transfer, fraction: float, rng: np.random.Generator) -> HeldOut:
    mask = random_rows(_rows(train), fraction, rng)
    return split(train, mask, mask, {})
