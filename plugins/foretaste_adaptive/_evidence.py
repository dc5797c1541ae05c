"""What members say of people whose rows they have not seen: out-of-fold scores, and the rows that were hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Blend, LinearGate

TOP = 50
"""How many of each member's best items are looked at."""
CUTOFF = 10
"""Mixes are judged by ndcg at this length of a list."""
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Evidence:
    """Candidates of each person: what was hidden, and what some member would list.

    ``scores`` (people, candidates, members) are standardised, ``hidden`` (people, candidates) says which are right, and
    ``ranked`` which may be listed at all: the rest only fills up. ``ideal`` (people,) is the best dcg there is,
    ``target_history`` (people,) are rows in training, ``facts`` (people, facts) what a gate reads, and ``fold``
    (people,) is whose rows were hidden together.
    """

    scores: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    ranked: NDArray[np.bool_]
    ideal: NDArray[np.float64]
    target_history: NDArray[np.int64]
    facts: NDArray[np.float64]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.fold)

    def taken(self, rows: NDArray[np.bool_]) -> Evidence:
        """Return the evidence of some people."""
        return Evidence(*(getattr(self, field.name)[rows] for field in fields(self)))

    def ndcg(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (people,) the ndcg of lists by a mix: weights (members,), or (people, members)."""
        weights = np.broadcast_to(weights, (len(self), self.scores.shape[2])).astype(np.float32)
        mixed = np.einsum("pcm,pm->pc", self.scores, weights, optimize=True)
        mixed[~self.ranked] = -np.inf
        k = min(CUTOFF, mixed.shape[1])
        best = np.argsort(-mixed, axis=1, kind="stable")[:, :k]
        gains = np.take_along_axis(self.hidden, best, axis=1) / np.log2(np.arange(2, k + 2))
        return np.asarray(gains.sum(axis=1) / self.ideal)


def evidence_of(
    blend: Blend, people: NDArray[np.int64], truth: sparse.csr_matrix, gate: LinearGate, fold: int
) -> list[Evidence]:
    """Return what the members of a blend, fitted without the rows of ``truth`` (people, items), say of these people."""
    found = []
    for start in range(0, len(people), _BLOCK):
        rows, hidden = people[start : start + _BLOCK], truth[start : start + _BLOCK].toarray() > 0
        scores = blend.standard_scores(rows)
        lengths = blend.target_history[rows], blend.source_history[rows]
        facts = gate.read(*lengths, scores)
        seen = blend.roster.seen
        allowed = np.ones_like(hidden) if seen is None else seen[rows].toarray() == 0
        # hidden items that no member lists stay out: among what is listed, they would seem right for a low score
        listed = _listed(scores, allowed)
        width = int(listed.sum(axis=1).max())
        order = np.argsort(~listed, axis=1, kind="stable")[:, :width]
        found.append(
            Evidence(
                np.stack([np.take_along_axis(one, order, axis=1) for one in scores], axis=2),
                np.take_along_axis(hidden, order, axis=1),
                np.take_along_axis(listed, order, axis=1),
                _ideal(hidden.sum(axis=1)),
                lengths[0],
                facts,
                np.full(len(rows), fold),
            )
        )
    return found


def joined(parts: Sequence[Evidence]) -> Evidence:
    """Return the evidence of all parts, candidates filled up to the longest."""
    width = max(part.hidden.shape[1] for part in parts)
    columns = {}
    for field in fields(Evidence):
        arrays = [getattr(part, field.name) for part in parts]
        if field.name in ("scores", "hidden", "ranked"):
            arrays = [_widened(one, width) for one in arrays]
        columns[field.name] = np.concatenate(arrays)
    return Evidence(**columns)


def _widened(array: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    more = [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, more)


def _listed(scores: Iterable[NDArray[np.float32]], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros_like(allowed)
    for one in scores:
        masked = np.where(allowed, one, -np.inf)
        best = np.argpartition(-masked, min(TOP, masked.shape[1] - 1), axis=1)[:, :TOP]
        np.put_along_axis(found, best, True, axis=1)
    return found & allowed


def _ideal(hidden: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, CUTOFF + 2)))])
    return np.asarray(np.maximum(sums[np.minimum(hidden, CUTOFF)], 1e-12))
