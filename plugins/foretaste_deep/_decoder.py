"""What a history is to tell: the items of a domain that trains a tower beside the target."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foretaste_deep._losses import Items, log_popularity


class Decoder(nn.Module):
    """Item vectors, zeros at first, and biases, which begin as popularity (items,) says."""

    def __init__(self, factors: int, popularity: NDArray[np.int64]) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.zeros(len(popularity), factors))
        self.bias = nn.Parameter(log_popularity(popularity))

    def ranked(self) -> Items:
        """Return the items."""
        return Items(self.items, self.bias)
