"""From ratings to a vector: what they deviate, times vectors of the items, added up and damped."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from foretaste import Encoder, Index
from foretaste_deep._rated import Rated

_SMALL = 0.05
"""Standard deviation of new vectors."""
_COUNTS = 25.0
"""A person with n ratings to be told weighs as n c / (n + c) of them, lest few people say all."""


class RatingTower(nn.Module):
    """v = sum_j e_j y_j / (n + damping), n ratings that deviate by e_j. The first of y_j, for biases, begins at 1."""

    def __init__(self, items: int, factors: int, damping: float, generator: torch.Generator) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.cat([torch.ones(items, 1), small_vectors(items, factors, generator)], dim=1))
        self.damping = damping

    def forward(self, deviations: sparse.csr_matrix) -> torch.Tensor:
        """Return vectors (people, 1 + factors) of people who rated so (people, items)."""
        where, starts = self.items.device, deviations.indptr[:-1].astype(np.int64)
        items, begin, values = (
            torch.from_numpy(one).to(where) for one in (deviations.indices.astype(np.int64), starts, deviations.data)
        )
        summed = functional.embedding_bag(items, self.items, begin, mode="sum", per_sample_weights=values)
        counted = (np.diff(deviations.indptr) + self.damping).astype(np.float32)
        return summed / torch.from_numpy(counted).to(where)[:, None]

    def array(self) -> NDArray[np.float32]:
        """Return (items, 1 + factors) the vectors."""
        return self.items.detach().cpu().numpy().copy()

    def encoder(self, items: Index, rated: Rated) -> Encoder:
        """Return what reads ratings without torch as this tower does."""
        return Encoder(
            items,
            self.array() / rated.spread,
            self.damping,
            histories=rated.ratings,
            expected=rated.expected,
            linear=True,
        )

    @classmethod
    def of(cls, items: NDArray[np.float32], damping: float) -> RatingTower:
        """Return the tower of these vectors."""
        made = cls(len(items), items.shape[1] - 1, damping, torch.Generator())
        made.items.data = torch.from_numpy(np.array(items, np.float32))
        return made


def small_vectors(items: int, factors: int, generator: torch.Generator) -> torch.Tensor:
    """Return vectors (items, factors) to begin with."""
    return _SMALL * torch.randn(items, factors, generator=generator)


def predicted(vectors: torch.Tensor, items: torch.Tensor, asked: sparse.csr_matrix) -> torch.Tensor:
    """Return for each stored entry of ``asked`` (people, items) v . (1, q), of vectors (people, 1 + d), (items, d)."""
    who, what = places(asked)
    people = functional.embedding(who.to(vectors.device), vectors)
    return people[:, 0] + (people[:, 1:] * functional.embedding(what.to(vectors.device), items)).sum(1)


def squared_error(said: torch.Tensor, asked: sparse.csr_matrix) -> torch.Tensor:
    """Return the sum of squared errors of what is ``said`` of the entries of ``asked``, by person, their mean."""
    length = np.diff(asked.indptr)
    weights = np.repeat(_COUNTS / (_COUNTS + length), length).astype(np.float32)
    truth = torch.from_numpy(asked.data).to(said.device)
    return (torch.from_numpy(weights).to(said.device) * (truth - said) ** 2).sum() / max(len(length), 1)


def places(matrix: sparse.csr_matrix) -> tuple[torch.Tensor, torch.Tensor]:
    """Return row and column of each stored entry."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return torch.from_numpy(rows), torch.from_numpy(matrix.indices.astype(np.int64))
