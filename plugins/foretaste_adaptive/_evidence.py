"""What members say of people whose rows they have not seen: out-of-fold scores, and the rows that were hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Blend, LinearGate, Metric, Ndcg, Ranking, Transfer

TOP = 50
"""How many of each member's best items are looked at, at least."""
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Judge:
    """By what lists are judged: a metric, and what it may ask of the training data (see ``Ranking``)."""

    metric: Metric
    popularity: NDArray[np.float64]
    people: int

    @classmethod
    def of(cls, transfer: Transfer, metric: Metric | None) -> Judge:
        """Return who judges by this metric, or by ndcg@10 where there is none, or none of one person's list."""
        if metric is None or metric.kind != "ranking" or not metric.per_person:
            metric = Ndcg(10)
        rows = transfer.target.interactions
        return cls(metric, rows.popularity, len(rows.users))

    @property
    def depth(self) -> int:
        """How long lists must be."""
        return min(self.metric.cutoff or TOP, len(self.popularity))

    def ranking(self, items: NDArray[np.int64], truth: sparse.csr_matrix) -> Ranking:
        """Return lists (people, length) as metrics see them."""
        return Ranking(items, truth, self.popularity, self.people)

    def values(self, items: NDArray[np.int64], truth: sparse.csr_matrix) -> NDArray[np.float64]:
        """Return (people,) what lists are worth, of which more is better; 0 where that is undefined."""
        found = np.nan_to_num(self.metric.values(self.ranking(items, truth)))
        return found if self.metric.higher_is_better else -found


@dataclass(frozen=True, eq=False)
class Evidence:
    """Candidates of each person: what was hidden, and what some member would list.

    ``scores`` (people, candidates, members) are standardised, ``items`` (people, candidates) says which items they are
    of, -1 for what only fills up, and ``truth`` (people, items) what was hidden. ``target_history`` (people,) are rows
    in training, ``facts`` (people, facts) what a gate reads, and ``fold`` (people,) is whose rows were hidden together.
    """

    scores: NDArray[np.float32]
    items: NDArray[np.int64]
    truth: sparse.csr_matrix
    target_history: NDArray[np.int64]
    facts: NDArray[np.float64]
    fold: NDArray[np.int64]
    judge: Judge

    def __len__(self) -> int:
        return len(self.fold)

    @property
    def ranked(self) -> NDArray[np.bool_]:
        """(people, candidates) which may be listed."""
        return self.items >= 0

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """(people, candidates) which are right."""
        return self.judge.ranking(self.items, self.truth).hits

    def taken(self, rows: NDArray[np.bool_]) -> Evidence:
        """Return the evidence of some people."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _BY_PERSON})

    def values(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (people,) what lists by a mix are worth: weights (members,), or (people, members)."""
        weights = np.broadcast_to(weights, (len(self), self.scores.shape[2])).astype(np.float32)
        mixed = np.einsum("pcm,pm->pc", self.scores, weights, optimize=True)
        mixed[self.items < 0] = -np.inf
        best = np.argsort(-mixed, axis=1, kind="stable")[:, : self.judge.depth]
        lists = np.take_along_axis(self.items, best, axis=1)
        short = self.judge.depth - lists.shape[1]
        return self.judge.values(np.pad(lists, [(0, 0), (0, short)], constant_values=-1), self.truth)


_BY_PERSON = ("scores", "items", "truth", "target_history", "facts", "fold")


def evidence_of(
    blend: Blend, people: NDArray[np.int64], truth: sparse.csr_matrix, gate: LinearGate, fold: int, judge: Judge
) -> list[Evidence]:
    """Return what the members of a blend, fitted without the rows of ``truth`` (people, items), say of these people."""
    found = []
    for start in range(0, len(people), _BLOCK):
        rows = people[start : start + _BLOCK]
        scores = blend.standard_scores(rows)
        lengths = blend.target_history[rows], blend.source_history[rows]
        facts = gate.read(*lengths, scores)
        seen = blend.roster.seen
        allowed = np.ones(scores[0].shape, bool) if seen is None else seen[rows].toarray() == 0
        # hidden items that no member lists stay out: among what is listed, they would seem right for a low score
        listed = _listed(scores, allowed, max(TOP, judge.depth))
        width = int(listed.sum(axis=1).max())
        order = np.argsort(~listed, axis=1, kind="stable")[:, :width]
        found.append(
            Evidence(
                np.stack([np.take_along_axis(one, order, axis=1) for one in scores], axis=2),
                np.where(np.take_along_axis(listed, order, axis=1), order, -1),
                truth[start : start + _BLOCK],
                lengths[0],
                facts,
                np.full(len(rows), fold),
                judge,
            )
        )
    return found


def joined(parts: Sequence[Evidence]) -> Evidence:
    """Return the evidence of all parts, candidates filled up to the longest."""
    width = max(part.items.shape[1] for part in parts)
    wide = [
        replace(part, scores=_widened(part.scores, width, 0), items=_widened(part.items, width, -1)) for part in parts
    ]
    columns = {name: [getattr(part, name) for part in wide] for name in _BY_PERSON}
    truth = sparse.csr_matrix(sparse.vstack(columns.pop("truth")))
    whole: dict[str, Any] = {name: np.concatenate(every) for name, every in columns.items()}
    return replace(parts[0], truth=truth, **whole)


def _widened(array: NDArray[Any], width: int, value: int) -> NDArray[Any]:
    more = [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, more, constant_values=value)


def _listed(scores: Iterable[NDArray[np.float32]], allowed: NDArray[np.bool_], top: int) -> NDArray[np.bool_]:
    found = np.zeros_like(allowed)
    for one in scores:
        masked = np.where(allowed, one, -np.inf)
        best = np.argpartition(-masked, min(top, masked.shape[1] - 1), axis=1)[:, :top]
        np.put_along_axis(found, best, True, axis=1)
    return found & allowed
