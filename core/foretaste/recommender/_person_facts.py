"""Facts of a person that any history gives, so that somebody who is folded in has them as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP = 50
"""How many of a member's best items its entropy is taken over."""


def reads_scores(facts: Sequence[str]) -> bool:
    """Whether a fact is one of the members' scores."""
    return any(name not in ("target_history", "source_history") for name in facts)


def check_facts(facts: Sequence[str], members: int) -> None:
    """Raise ValueError for a fact that there is none of."""
    known = ["target_history", "source_history", "agreement", *(f"entropy:{place}" for place in range(members))]
    for name in facts:
        if name not in known:
            raise ValueError(f"facts: found {name!r}, expected some of {', '.join(known)}")


def person_facts(
    facts: Sequence[str],
    target_history: NDArray[Any],
    source_history: NDArray[Any],
    scores: Sequence[NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Return (people, facts).

    | fact | is |
    |---|---|
    | ``target_history`` | log(1 + rows in the target) |
    | ``source_history`` | log(1 + rows in all sources together) |
    | ``agreement`` | mean correlation between the members' scores, all pairs and each with itself |
    | ``entropy:0`` | entropy of the softmax over the 50 best scores of the first member, over its greatest: 0-1 |

    Histories are numbers of rows (people,), ``scores`` (people, items) per member, of mean 0 and deviation 1.
    """
    found = np.empty((len(target_history), len(facts)))
    for place, name in enumerate(facts):
        if name == "target_history":
            found[:, place] = np.log1p(target_history)
        elif name == "source_history":
            found[:, place] = np.log1p(source_history)
        elif name == "agreement":
            found[:, place] = (sum(scores) / len(scores)).var(axis=1, dtype=np.float64)  # type: ignore[union-attr]
        else:
            found[:, place] = _entropy(scores[int(name.removeprefix("entropy:"))])
    return found


def _entropy(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    many = min(TOP, scores.shape[1])
    best = np.partition(scores, scores.shape[1] - many, axis=1)[:, scores.shape[1] - many :].astype(np.float64)
    raised = np.exp(best - best.max(axis=1, keepdims=True))
    shares = raised / raised.sum(axis=1, keepdims=True)
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
    return np.asarray(entropy / max(np.log(many), 1e-12))


def standardised(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring each row of scores (people, items) to mean 0 and deviation 1, in place; a constant row to 0."""
    mean, deviation = mean_and_deviation(scores)
    scores -= mean[:, None].astype(np.float32)
    scores *= np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)[:, None].astype(np.float32)
    return scores


def mean_and_deviation(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (people,) the mean and the standard deviation of each row; exactly 0 for a constant one."""
    mean, deviation = scores.mean(axis=1, dtype=np.float64), scores.std(axis=1, dtype=np.float64)
    return mean, np.where(np.ptp(scores, axis=1) > 0, deviation, 0)
