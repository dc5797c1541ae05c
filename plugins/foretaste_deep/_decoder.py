"""What a history is to tell: the items of a domain that trains a tower."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foretaste_deep._description import Description
from foretaste_deep._losses import Items, log_popularity


class Decoder(nn.Module):
    """Item vectors, zeros at first, and biases, which begin as popularity (items,) says.

    With a ``description`` an item's vector is its own and what it is said to be.
    """

    def __init__(self, factors: int, popularity: NDArray[np.int64], description: Description | None = None) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.zeros(len(popularity), factors))
        self.bias = nn.Parameter(log_popularity(popularity))
        self.description = description
        self.sparse = False

    def ranked(self) -> Items:
        """Return the items."""
        vectors = self.items if self.description is None else self.items + self.description()
        return Items(vectors, self.bias, sparse=self.sparse)
