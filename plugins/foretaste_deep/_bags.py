"""Histories as weighted bags of items, some of which are left out in training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from foretaste_deep._histories import masked


class Bag(NamedTuple):
    """What ``torch.nn.functional.embedding_bag`` takes: items of all histories in one row, where each history begins,
    and what each item counts.
    """

    items: torch.Tensor
    starts: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, eq=False)
class Bags:
    """Histories (people, items) of ones, whose items count by ``weights`` (items,)."""

    histories: sparse.csr_matrix
    weights: NDArray[np.float32]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(people,) how many items each had."""
        return np.asarray(np.diff(self.histories.indptr), np.int64)

    @property
    def mean_length(self) -> float:
        """How many items those have who have any."""
        return float(self.histories.nnz / max(int((self.lengths > 0).sum()), 1))

    def of(
        self, rows: NDArray[np.int64], device: torch.device, rng: np.random.Generator | None = None, dropout: float = 0
    ) -> Bag:
        """Return the bag of these people, each item left out with probability ``dropout``."""
        some = self.histories[rows]
        keep = np.ones(some.nnz, bool) if rng is None or not dropout else rng.random(some.nnz) >= dropout
        return bag(masked(some, keep), self.weights, device)


def bag(histories: sparse.csr_matrix, weights: NDArray[np.float32], device: torch.device) -> Bag:
    """Return the bag of these histories (people, items), each item counting by its weight."""
    return Bag(
        torch.from_numpy(histories.indices.astype(np.int64)).to(device),
        torch.from_numpy(histories.indptr[:-1].astype(np.int64)).to(device),
        torch.from_numpy(weights[histories.indices]).to(device),
    )
