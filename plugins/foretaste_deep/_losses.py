"""What it costs to rank what people preferred behind what they did not.

All losses are summed over what each person preferred, and averaged over people.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch.nn import functional

from foretaste_deep._histories import masked
from foretaste_deep._scorer import Scorer

Loss = Literal["softmax", "bpr", "bce"]

_MOST_POSITIVES = 32
"""So many of a person's items are taken each time; the sum is scaled to all of them."""


class Items(NamedTuple):
    """What people . ``vectors`` (m, d) + ``bias`` (m,) scores, and what ``scorer`` adds to that.

    ``drawn`` are the rows of items that may be drawn as negatives; None: all. Where ``sparse``, a gradient of the
    vectors has the rows that were scored.
    """

    vectors: torch.Tensor
    bias: torch.Tensor
    scorer: Scorer | None = None
    drawn: NDArray[np.int64] | None = None
    sparse: bool = False

    def some(self, *rows: torch.Tensor) -> list[Items]:
        """Return these items, all looked up at once: each time has a gradient as large as the table."""
        every, lengths = torch.cat(rows), [len(one) for one in rows]
        if self.sparse:
            found = functional.embedding(every, self.vectors, sparse=True)
        else:
            found = self.vectors.index_select(0, every)  # whose gradient costs less than that of indexing
        bias = self.bias.index_select(0, every)
        parts = zip(torch.split(found, lengths), torch.split(bias, lengths), strict=True)
        return [Items(vectors, biases, self.scorer) for vectors, biases in parts]

    def each(self, people: torch.Tensor) -> torch.Tensor:
        """Return scores (m,) of one item for each person (m, d)."""
        scores = (people * self.vectors).sum(1) + self.bias
        return scores if self.scorer is None else scores + self.scorer.each(people, self.vectors)

    def every(self, people: torch.Tensor) -> torch.Tensor:
        """Return scores (n, m) of all items for each person (n, d)."""
        scores = torch.addmm(self.bias, people, self.vectors.T)
        return scores if self.scorer is None else scores + self.scorer.every(people, self.vectors)


def ranking_loss(
    kind: Loss,
    people: torch.Tensor,
    items: Items,
    preferred: sparse.csr_matrix,
    negatives: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Return the loss of vectors ``people`` (n, d) and of ``items``.

    ``preferred`` (n, m) holds what is to be ranked first. ``softmax``: -log of the share of each preferred item in the
    sum of exp(score) over it and all that is not preferred; with more than ``negatives`` items that sum is estimated
    from so many drawn uniformly, each standing for m / negatives of them (sampled softmax with logQ correction: Bengio
    and Senécal, IEEE Transactions on Neural Networks 2008). ``bpr``: -log sigmoid of the difference to one drawn item
    (Rendle et al., UAI 2009). ``bce``: binary cross-entropy of each preferred item and one drawn item. What a person
    prefers is never drawn as a negative for them.
    """
    people_rows, wanted, counts = _positives(preferred, rng)
    place = people.device
    rows, positive, weights = (torch.from_numpy(one).to(place) for one in (people_rows, wanted, counts))
    one_each = bool((np.diff(preferred.indptr) == 1).all())
    mine = people if one_each else people.index_select(0, rows)
    if kind == "softmax":
        drawn, own, correction = _drawn(preferred, items.drawn, negatives, rng)
        told, others = items.some(positive, torch.from_numpy(drawn).to(place))
        scored = told.each(mine)
        scores = others._replace(bias=others.bias + correction).every(people)
        scores.masked_fill_(torch.from_numpy(own).to(place), -torch.inf)
        whole = torch.logsumexp(scores, dim=1).index_select(0, rows)
        each = torch.logaddexp(whole, scored) - scored
    else:
        other = _other_items(preferred, people_rows, items.drawn, rng)
        told, others = items.some(positive, torch.from_numpy(other).to(place))
        scored, passed = told.each(mine), others.each(mine)
        each = (
            functional.softplus(passed - scored)
            if kind == "bpr"
            else functional.softplus(-scored) + functional.softplus(passed)
        )
    return (each * weights).sum() / max(len(people), 1)


def log_popularity(popularity: NDArray[Any]) -> torch.Tensor:
    """Return biases (items,) to begin with: log(1 + popularity), around 0, as ``bce`` has no use for large ones."""
    found = np.log1p(popularity)
    return torch.from_numpy((found - found.mean()).astype(np.float32))


def _positives(preferred: sparse.csr_matrix, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the row and item of at most so many preferred items of each person, and for how many each stands."""
    lengths = np.diff(preferred.indptr)
    share = np.minimum(1, _MOST_POSITIVES / np.maximum(lengths, 1))
    some = preferred
    if len(lengths) and lengths.max() > _MOST_POSITIVES:
        some = masked(preferred, rng.random(preferred.nnz) < np.repeat(share, lengths))
    rows = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
    return rows, some.indices.astype(np.int64), (1 / share[rows]).astype(np.float32)


def _drawn(
    preferred: sparse.csr_matrix, pool: NDArray[np.int64] | None, negatives: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return items (k,), which of them each person prefers (n, k), and the log of how many each stands for."""
    m = preferred.shape[1] if pool is None else len(pool)
    if m <= negatives:
        drawn, stands = np.arange(m), 0.0
    else:
        drawn, stands = rng.choice(m, negatives, replace=False, shuffle=False), float(np.log(m / negatives))
    if pool is not None:
        drawn = pool[drawn]
    some = preferred if len(drawn) == preferred.shape[1] else preferred[:, drawn]
    return drawn, some.toarray() > 0, stands


def _other_items(
    preferred: sparse.csr_matrix, rows: np.ndarray, pool: NDArray[np.int64] | None, rng: np.random.Generator
) -> np.ndarray:
    """Return one item for each row that its person does not prefer (any item where almost all are preferred)."""
    m = preferred.shape[1]
    held = np.repeat(np.arange(preferred.shape[0]), np.diff(preferred.indptr)) * m + preferred.indices
    if not preferred.has_sorted_indices:
        held.sort()
    found = _any_items(m, pool, len(rows), rng)
    for _ in range(10):
        drawn = rows * m + found
        place = np.minimum(np.searchsorted(held, drawn), len(held) - 1)
        clash = np.flatnonzero(held[place] == drawn)
        if not len(clash):
            break
        found[clash] = _any_items(m, pool, len(clash), rng)
    return found


def _any_items(m: int, pool: NDArray[np.int64] | None, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, m, count) if pool is None else pool[rng.integers(0, len(pool), count)]
