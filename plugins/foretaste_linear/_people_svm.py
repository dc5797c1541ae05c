"""A support vector machine for each person, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foretaste_linear import _person_svm as person_svm
from foretaste_linear._judgements import Judgements
from foretaste_linear._person_svm import Array, Fitted

Take = Literal["pulled", "projective", "augmented", "warm-start", "none"]
Side = tuple[Judgements, NDArray[np.float32]]

_BLOCK = 256
_JUDGES = 500
_SOURCE, _TARGET = 31, 32


@dataclass(frozen=True)
class Setting:
    """How a person's machine is made; ``threads`` does not change what comes out."""

    transfer: Take
    regularization: float
    negatives: int
    most_rows: int
    epochs: int
    seed: int
    threads: int


@dataclass(frozen=True, eq=False)
class People:
    """``weights`` (people, d + 1), the last one a bias: of who has target history by it, of who has none gamma times
    ``sources`` (people, d + 1). ``here`` (people,) says who has target history, ``gamma`` what people with both
    histories took over, in the mean.
    """

    weights: Array
    sources: Array
    here: NDArray[np.bool_]
    gamma: float


def fit_people(target: Side, sides: Sequence[Side], how: Setting) -> People:
    """Fit a machine for each person of the target's index."""
    here, there = target[0].known, np.any([judged.known for judged, _ in sides], axis=0)
    sources = np.zeros((len(here), target[1].shape[1] + 1))
    if how.transfer != "none":
        sources[there] = source_weights(sides, np.flatnonzero(there), how)
    weights = np.zeros_like(sources)
    weights[here], taken = target_weights(target, sides, np.flatnonzero(here), sources, how)
    both = there[here]
    gamma = float(taken[both].mean()) if both.any() else 0.0
    weights[~here] = max(gamma, 0.0) * sources[~here]
    return People(weights, sources, here, max(gamma, 0.0))


def source_weights(sides: Sequence[Side], people: NDArray[np.int64], how: Setting) -> Array:
    """Return (len(people), d + 1) the weights of what these people liked in all sources."""

    def fit(person: int) -> Array:
        X, y, counts = _examples(sides, person, how, _SOURCE)
        return person_svm.target_only(X, y, counts, strengths=(how.regularization,)).weights

    return _many(fit, people, sides[0][1].shape[1] + 1, how.threads)


def target_weights(
    target: Side, sides: Sequence[Side], people: NDArray[np.int64], sources: Array, how: Setting
) -> tuple[Array, Array]:
    """Return (len(people), d + 1) the weights of people with target history, and (len(people),) what they took over.

    ``sources`` (people, d + 1) are source weights, zeros for who has none.
    """
    usual = _usual(target, people, sources, how) if how.transfer == "pulled" else 0.0

    def fit(person: int) -> Array:
        X, y, counts = _examples([target], person, how, _TARGET)
        found = _taken_over(X, y, counts, sources[person], sides, person, usual, how)
        return np.append(found.weights, found.gamma)

    found = _many(fit, people, target[1].shape[1] + 2, how.threads)
    return found[:, :-1], found[:, -1]


def _usual(target: Side, people: NDArray[np.int64], sources: Array, how: Setting) -> float:
    """Return the gamma by which the rows of people with both histories, some hundred of them, are predicted best."""
    both = people[sources[people].any(axis=1)]
    if len(both) > _JUDGES:
        both = np.sort(np.random.default_rng([how.seed, 33]).choice(both, _JUDGES, replace=False))

    def loss(person: int) -> Array:
        X, y, counts = _examples([target], person, how, _TARGET)
        return person_svm.pulls(X, y, sources[person], counts, strengths=(how.regularization,))[0]

    return person_svm.usual_gamma(_many(loss, both, len(person_svm.GAMMAS), how.threads))


def _taken_over(
    X: Array,
    y: Array,
    counts: Array,
    source: Array,
    sides: Sequence[Side],
    person: int,
    usual: float,
    how: Setting,
) -> Fitted:
    strengths = (how.regularization,)
    if how.transfer == "none" or not source.any():
        return person_svm.target_only(X, y, counts, strengths=strengths)
    if how.transfer == "projective":
        return person_svm.projective(X, y, source, counts, strengths=strengths)
    if how.transfer == "augmented":
        there = _examples(sides, person, how, _SOURCE)
        return person_svm.augmented(X, y, *there[:2], counts, there[2], strengths=strengths)
    if how.transfer == "warm-start":
        seed = int(np.random.default_rng([how.seed, person]).integers(2**31))
        return person_svm.warm_started(X, y, source, counts, epochs=how.epochs, seed=seed)
    return person_svm.pulled(X, y, source, counts, strengths=strengths, usual=usual)


def _examples(sides: Sequence[Side], person: int, how: Setting, stream: int) -> tuple[Array, Array, Array]:
    """Return features with a column of ones, 1 or -1, and what each row counts, of all sides together."""
    found = []
    for number, (judged, vectors) in enumerate(sides):
        if judged.known[person]:
            rng = np.random.default_rng([how.seed, stream, number, person])
            items, y, counts = judged.rows(person, how.negatives, how.most_rows, rng)
            found.append((np.column_stack([vectors[items].astype(np.float64), np.ones(len(items))]), y, counts))
    X, y, counts = (np.concatenate(part) for part in zip(*found, strict=True))
    return X, y, counts


def _many(fit: Callable[[int], Array], people: NDArray[np.int64], width: int, threads: int) -> Array:
    """Return (len(people), width); only the rows of a block per thread are in memory at a time."""
    from joblib import Parallel, delayed

    def block(some: NDArray[np.int64]) -> Array:
        return np.stack([fit(int(person)) for person in some])

    blocks = [people[start : start + _BLOCK] for start in range(0, len(people), _BLOCK)]
    # threads, which share the data: the solver lets go of the interpreter, and no process stays behind
    found = Parallel(n_jobs=threads, prefer="threads")(delayed(block)(some) for some in blocks)
    return np.concatenate([np.zeros((0, width)), *found])
