"""What is declared of items, as vectors: each token has one, and an item the sum of its tokens'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from foretaste import Carried, Context, Domain, feature_matrices

TOKENS_READ, TOKENS_RANKED = "tokens_read", "tokens_ranked"
"""What a source learnt of tokens, as it carries it: in histories that it read, and in items that it ranked."""


class Description(nn.Module):
    """V = S F, S (items, tokens) what each item is said to be, F (tokens, d). An item without a token has zeros."""

    def __init__(self, told: sparse.csr_matrix, start: NDArray[np.float32]) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.from_numpy(start))
        parts = (told.indices.astype(np.int64), told.indptr[:-1].astype(np.int64), told.data.copy())
        for name, part in zip(("indices", "starts", "weights"), parts, strict=True):
            self.register_buffer(name, torch.from_numpy(part), persistent=False)

    @classmethod
    def blank(cls, told: sparse.csr_matrix, factors: int) -> Description:
        """Return one that has learnt nothing yet."""
        return cls(told, np.zeros((told.shape[1], factors), np.float32))

    def forward(self) -> torch.Tensor:
        """Return vectors (items, d)."""
        indices, starts, weights = (self.get_buffer(name) for name in ("indices", "starts", "weights"))
        found: torch.Tensor = functional.embedding_bag(
            indices, self.tokens, starts, mode="sum", per_sample_weights=weights
        )
        return found


class Told:
    """Tokens of a domain's items: their names, and S (items, tokens), rows of length 1, rare tokens counting more."""

    def __init__(self, names: Sequence[str], matrix: sparse.csr_matrix) -> None:
        self.names, self.matrix = tuple(names), matrix

    @classmethod
    def of(cls, domain: Domain, context: Context) -> Told | None:
        """Read them; None where nothing is declared."""
        if domain.item_features is None:
            return None
        features = domain.item_features
        found = context.memo(("deep/tokens", domain.name), lambda: feature_matrices([features]))
        return cls(found.names, sparse.csr_matrix(found.matrices[0], copy=True)) if found.names else None

    def start(self, factors: int, part: str, carried: Mapping[str, Carried]) -> NDArray[np.float32]:
        """Return F (tokens, d) to begin with: what sources learnt of tokens of the same name, else zeros."""
        total, count = np.zeros((len(self.names), factors), np.float32), np.zeros(len(self.names))
        for one in carried.values():
            place = {name: row for row, name in enumerate(one.meta.get("tokens", ()))}
            here = [row for row, name in enumerate(self.names) if name in place]
            if here:
                total[here] += one.arrays[part][[place[self.names[row]] for row in here]]
                count[here] += 1
        return np.asarray(total / np.maximum(count, 1)[:, None], np.float32)
