"""Histories as weighted bags of items, some of which are left out in training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch.nn import functional

from foretaste_deep._histories import masked


@dataclass(frozen=True, eq=False)
class Bag:
    """Histories (people, items) to be added up on a device; what is stored is what each item counts."""

    histories: sparse.csr_matrix
    device: torch.device

    def summed(self, table: torch.Tensor, *, sparse_gradient: bool = False) -> torch.Tensor:
        """Return (people, d) weighted sums of vectors (items, d). A sparse gradient has the rows that were read."""
        if sparse_gradient:
            return _sums(table, self.histories, self.device, touched=True)
        found: torch.Tensor = _Summed.apply(table, self)  # type: ignore[no-untyped-call]
        return found


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
    counted = (weights[histories.indices], histories.indices, histories.indptr)
    return Bag(sparse.csr_matrix(counted, histories.shape), device)


class _Summed(torch.autograd.Function):
    """X V for histories X and vectors V, whose gradient X' G is again a sum of bags: of an item, those who had it.

    embedding_bag's own dense gradient sorts the items, and takes ten times as long.
    """

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, told: Bag) -> torch.Tensor:
        ctx.told = told
        return _sums(table, told.histories, told.device)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        turned = sparse.csr_matrix(ctx.told.histories.T)
        return _sums(gradients[0].contiguous(), turned, ctx.told.device), None


def _sums(
    vectors: torch.Tensor, rows: sparse.csr_matrix, device: torch.device, *, touched: bool = False
) -> torch.Tensor:
    items, ends, counts = (torch.from_numpy(one).to(device) for one in (rows.indices, rows.indptr, rows.data))
    return functional.embedding_bag(items, vectors, ends[:-1], mode="sum", per_sample_weights=counts, sparse=touched)
