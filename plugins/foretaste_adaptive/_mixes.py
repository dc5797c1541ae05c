"""Weights that are learnt from out-of-fold evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from foretaste_adaptive._evidence import Evidence

Weights = NDArray[np.float64]
_SLIGHT = 1e-4
"""What keeps the weights of members that say the same from running apart."""


def selected(evidence: Evidence, steps: int) -> Weights:
    """Return weights (members,) that add up to 1: how often each member is taken when they are picked one by one.

    Each step adds the member, again or anew, with which the sum ranks best; the weights are those of the best step
    (Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models, ICML 2004; theirs start from
    several best models, here the single best one is the start).
    """
    members = evidence.scores.shape[2]
    counts, best, found = np.zeros(members), -np.inf, np.zeros(members)
    for _ in range(steps):
        tried = [counts + one for one in np.eye(members)]
        figures = [float(evidence.values(one / one.sum()).mean()) for one in tried]
        place = int(np.argmax(figures))
        counts = tried[place]
        if figures[place] > best:
            best, found = figures[place], counts / counts.sum()
    return found


def likeliest(evidence: Evidence) -> Weights:
    """Return the weights (members,) that make what was hidden likeliest among what is listed; see ``gated``."""
    count = evidence.scores.shape[2]
    even = np.full(count, 1 / count)
    everybody = np.ones((len(evidence), 1))
    return np.asarray(gate_weights(even, gated(evidence, everybody, even, _SLIGHT), everybody[:1])[0])


def mix_of(evidence: Evidence, steps: int) -> Weights:
    """Return one mix (members,) for everybody: the mean of what ranks best and what is likeliest.

    The one sees nothing but the ends of lists, and follows chance; the other is smooth, and knows no cutoff.
    """
    return np.asarray((selected(evidence, steps) + likeliest(evidence)) / 2)


def single(evidence: Evidence) -> Weights:
    """Return all weight (members,) on the member that ranks best."""
    lines = np.eye(evidence.scores.shape[2])
    return np.asarray(lines[int(np.argmax([float(evidence.values(line).mean()) for line in lines]))])


def gated(evidence: Evidence, facts: NDArray[np.float64], mix: Weights, penalty: float) -> Weights:
    """Return coefficients (members, facts): weights are a softmax of log(mix) + coefficients . facts.

    They are the likeliest for what was hidden, under a conditional logit over each person's candidates (McFadden,
    1974), with ``penalty`` times their squares: with an endless one everybody has the constant mix. Members without
    weight in the mix stay without. ``facts`` (people, facts) are standardised.
    """
    active = np.flatnonzero(mix)
    scores = evidence.scores[:, :, active].astype(np.float64)
    right = evidence.hidden
    told = right.sum(axis=1) > 0
    if not told.any():  # nobody's hidden items are listed by any member: nothing says whom to trust
        return np.zeros((len(mix), facts.shape[1]))
    scores, right, ranked, facts = scores[told], right[told], evidence.ranked[told], facts[told]
    aim = right / right.sum(axis=1, keepdims=True)
    base, shape = np.log(mix[active]), (len(active), facts.shape[1])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sharpness, coefficients = np.exp(flat[0]), flat[1:].reshape(shape)
        weights = _softmax(base + facts @ coefficients.T)
        mixed = np.einsum("pcm,pm->pc", scores, weights, optimize=True)
        logits = np.where(ranked, sharpness * mixed, -np.inf)
        top = logits.max(axis=1, keepdims=True)
        raised = np.exp(logits - top)
        total = raised.sum(axis=1, keepdims=True)
        told_of = np.where(right, logits, 0)
        value = float((top[:, 0] + np.log(total[:, 0]) - (aim * told_of).sum(axis=1)).mean())
        slope = (raised / total - aim) / len(mixed)
        by_weight = sharpness * np.einsum("pc,pcm->pm", slope, scores, optimize=True)
        by_logit = weights * (by_weight - (weights * by_weight).sum(axis=1, keepdims=True))
        gradient = by_logit.T @ facts + 2 * penalty * coefficients
        by_sharpness = sharpness * float((slope * mixed).sum())
        value += penalty * float((coefficients**2).sum())
        return value, np.concatenate([[by_sharpness], gradient.ravel()])

    found = optimize.minimize(loss, np.zeros(1 + shape[0] * shape[1]), jac=True, method="L-BFGS-B").x
    coefficients = np.zeros((len(mix), facts.shape[1]))
    coefficients[active] = found[1:].reshape(shape)
    return coefficients


def gate_weights(mix: Weights, coefficients: Weights, facts: NDArray[np.float64]) -> Weights:
    """Return weights (people, members)."""
    active = mix > 0
    found = np.zeros((len(facts), len(mix)))
    found[:, active] = _softmax(np.log(mix[active]) + facts @ coefficients[active].T)
    return found


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
