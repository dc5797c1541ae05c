"""One person's support vector machine over features of items, and what it takes over from weights learnt elsewhere.

Pure functions of arrays. ``X`` (n, d) are the features of judged items, a column of ones among them where a bias is
wanted; ``y`` (n,) is 1 for liked and -1 for disliked; ``source`` (d,) the weights learnt elsewhere; ``weights`` (n,)
what each row counts. All but one minimise strength / 2 |v|^2 + sum_i weights_i max(0, 1 - y_i f_i)^2 / 2, and differ in
what f is; ``strengths`` are in units of the rows' mean |x|^2, and the best of several is that of the least logistic
loss of rows left out. Transfer must lower that loss by a tenth: with few rows, what is a little better is so by chance,
unless it is so for many people (``usual``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
GAMMAS = (0.0, 0.5, 1.0)
_FIRM = (0.0, 1.0, 10.0, 100.0)
_GAIN = 0.1
_FAR = 100.0


@dataclass(frozen=True, eq=False)
class Fitted:
    """``weights`` (d,), and ``gamma``: how much of the source they hold, 0 is nothing."""

    weights: Array
    gamma: float


def target_only(X: Array, y: Array, weights: Array | None = None, *, strengths: Sequence[float] = STRENGTHS) -> Fitted:
    """Return the machine of the target's rows alone: f = v . x."""
    return pulled(X, y, np.zeros(X.shape[1]), weights, strengths=strengths, gammas=(0.0,))


def pulled(
    X: Array,
    y: Array,
    source: Array,
    weights: Array | None = None,
    *,
    strengths: Sequence[float] = STRENGTHS,
    gammas: Sequence[float] = GAMMAS,
    usual: float = 0.0,
) -> Fitted:
    """Return w = gamma source + v, so that |w - gamma source| is what is penalised: the adaptive SVM of Yang, Yan and
    Hauptmann, Cross-domain video concept detection using adaptive SVMs, ACM Multimedia 2007. f = w . x.

    gamma is the ``usual`` one unless another is better by a tenth.
    """
    losses, found = pulls(X, y, source, weights, strengths=strengths, gammas=gammas)
    taken = _taken(losses, gammas.index(usual) if usual in gammas else 0)
    return Fitted(found[taken], gammas[taken])


def pulls(
    X: Array,
    y: Array,
    source: Array,
    weights: Array | None = None,
    *,
    strengths: Sequence[float] = STRENGTHS,
    gammas: Sequence[float] = GAMMAS,
) -> tuple[Array, Array]:
    """Return for each gamma the loss of rows left out (gammas,), and the weights (gammas, d)."""
    offset, counts = X @ source, _counts(y, weights)
    alone = len(gammas) == 1
    tried = [_best(X, y, gamma * offset, counts, strengths, alone=alone) for gamma in gammas]
    pulled_to = [found + gamma * source for gamma, (_, found) in zip(gammas, tried, strict=True)]
    return np.array([loss for loss, _ in tried]), np.stack(pulled_to)


def usual_gamma(losses: Array, gammas: Sequence[float] = GAMMAS) -> float:
    """Return the gamma of the least loss over people (people, gammas), the first where that is no more than chance.

    What is no more than chance: a gain over the first of up to two standard errors.
    """
    best = int(np.argmin(losses.sum(axis=0)))
    gains = losses[:, 0] - losses[:, best]
    if len(gains) < 2 or gains.mean() <= 2 * gains.std(ddof=1) / np.sqrt(len(gains)):
        return gammas[0]
    return gammas[best]


def projective(
    X: Array,
    y: Array,
    source: Array,
    weights: Array | None = None,
    *,
    strengths: Sequence[float] = STRENGTHS,
    firm: Sequence[float] = _FIRM,
) -> Fitted:
    """Return w for which the part that does not lie along the source costs 1 + ``firm`` times as much, and w . source
    is not negative: PMT-SVM of Aytar and Zisserman, Tabula rasa: model transfer for object category detection, ICCV
    2011. Only the direction of the source matters, and not its length. 0 as ``firm`` is no transfer.
    """
    size = float(source @ source)
    if size == 0:
        return target_only(X, y, weights, strengths=strengths)
    unit, counts, tried = source / np.sqrt(size), _counts(y, weights), []
    none = np.zeros(len(y))
    for one in firm:
        # in the coordinates in which both parts cost the same, it is an ordinary machine
        for along in (1.0, 0.0) if one else (1.0,):
            turn = along * np.outer(unit, unit) + (np.eye(len(unit)) - np.outer(unit, unit)) / np.sqrt(1 + one)
            loss, found = _best(X @ turn, y, none, counts, strengths)
            if one == 0 or found @ turn @ unit >= 0:
                break
        tried.append((loss, turn @ found))
    found = tried[_taken([loss for loss, _ in tried])][1]
    return Fitted(found, float(found @ source) / size)


def augmented(
    X: Array,
    y: Array,
    source_X: Array,
    source_y: Array,
    weights: Array | None = None,
    source_weights: Array | None = None,
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> Fitted:
    """Return w = common + own, where source rows (m, d) are judged by common + theirs: Daumé, Frustratingly easy domain
    adaptation, ACL 2007. All source rows together count as much as all target rows; rows of the target are left out.
    """
    counts, others = _counts(y, weights), _counts(source_y, source_weights)
    others = others * (counts.sum() / max(others.sum(), 1e-12))
    d, none = X.shape[1], np.zeros((len(source_y), X.shape[1]))
    both = np.vstack([np.hstack([X, 0 * X, X]), np.hstack([source_X, source_X, none])])
    judged, count = np.concatenate([y, source_y]), np.concatenate([counts, others])
    _, found = _best(both, judged, np.zeros(len(judged)), count, strengths, among=len(y), alone=True)
    return Fitted(found[:d] + found[2 * d :], 1.0)


def warm_started(
    X: Array,
    y: Array,
    source: Array,
    weights: Array | None = None,
    *,
    epochs: int = 3,
    seed: int = 0,
) -> Fitted:
    """Return what some epochs of stochastic gradient descent on the hinge loss make of the source's weights.

    A start is not a pull: the loss is convex, so that nothing of the source is left once it has converged. What is kept
    is kept by stopping early, whether it is right or wrong. Rows of one kind only leave the source as it is.
    """
    from sklearn.linear_model import SGDClassifier

    if len(np.unique(y)) < 2:
        return Fitted(source.copy(), 1.0)
    rate = 1 / max(float(np.square(X).sum(axis=1).mean()), 1e-12)  # a step moves the margin of its own row by about 1
    descent = SGDClassifier(
        fit_intercept=False, max_iter=epochs, tol=None, learning_rate="constant", eta0=rate, random_state=seed
    )
    # a copy: scikit-learn writes into the array that it is given
    descent.fit(X, y, coef_init=source[None, :].copy(), sample_weight=_counts(y, weights))
    return Fitted(np.asarray(descent.coef_[0], np.float64), 1.0)


def machine(X: Array, y: Array, offset: Array, counts: Array, strength: float) -> Array:
    """Return v (d,) least in strength / 2 |v|^2 + sum_i counts_i max(0, 1 - y_i (v . x_i + offset_i))^2 / 2.

    scikit-learn's classifiers take no offset, but its regression does: of a tube so wide that only its near side is
    ever felt, that side is the squared hinge of a row with margin 1 - y offset.
    """
    from sklearn import config_context
    from sklearn.svm import LinearSVR

    margin = 1 - y * offset
    far = _FAR * (1 + float(np.abs(offset).max(initial=0)))
    solver = LinearSVR(
        loss="squared_epsilon_insensitive",
        epsilon=far,
        C=0.5 / strength,
        fit_intercept=False,
        dual=False,  # the dual one draws from a generator that all threads share
        max_iter=20_000,
        random_state=0,  # none is drawn from; without one the global state would be
    )
    with config_context(assume_finite=True, skip_parameter_validation=True):  # half of the time of a small machine
        return np.asarray(solver.fit(X, y * (margin + far), sample_weight=counts).coef_, np.float64)


def left_out(X: Array, y: Array, offset: Array, counts: Array, strength: float, found: Array) -> Array:
    """Return (n,) the margin y f of each row by the machine of all others.

    Without a row that has no loss nothing changes. Among those that have one the machine is ridge regression, of which
    rows are left out exactly; what is neglected is that others may come to have a loss or lose theirs (Vapnik and
    Chapelle, Bounds on error expectation for support vector machines, Neural Computation 2000).
    """
    margins = y * (X @ found + offset)
    felt = margins < 1
    rows = X[felt] * np.sqrt(counts[felt])[:, None]
    if len(rows):
        gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
        ridge = gram + strength * np.eye(len(gram))
        if len(rows) <= rows.shape[1]:
            leverage = np.diag(np.linalg.solve(ridge, gram))
        else:
            leverage = np.einsum("nd,dn->n", rows, np.linalg.solve(ridge, rows.T))
        margins[felt] = 1 - (1 - margins[felt]) / (1 - np.minimum(leverage, 1 - 1e-9))
    return np.asarray(margins)


def _best(
    X: Array,
    y: Array,
    offset: Array,
    counts: Array,
    strengths: Sequence[float],
    *,
    among: int | None = None,
    alone: bool = False,
) -> tuple[float, Array]:
    """Return the least loss of the first ``among`` rows, each left out, and the machine of that strength.

    A machine that is ``alone`` and has one strength is compared with nothing: its loss is not measured.
    """
    size = float(counts @ np.square(X).sum(axis=1)) / len(X) or 1.0
    if alone and len(strengths) == 1:
        return np.nan, machine(X, y, offset, counts, size * strengths[0])
    tried = []
    for one in strengths:
        found = machine(X, y, offset, counts, size * one)
        margins = left_out(X, y, offset, counts, size * one, found)[:among]
        loss = np.logaddexp(0, -2 * margins)
        tried.append((float(np.average(loss, weights=counts[:among])), found))
    return min(tried, key=lambda pair: pair[0])


def _taken(losses: Sequence[float] | Array, usual: int = 0) -> int:
    """Return the place of the least loss if that is a tenth below the usual one, and that one elsewhere."""
    best = int(np.argmin(losses))
    return best if losses[best] <= (1 - _GAIN) * losses[usual] else usual


def _counts(y: Array, weights: Array | None) -> Array:
    return np.ones(len(y)) if weights is None else weights
