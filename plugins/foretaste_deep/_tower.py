"""From a history to a vector: items are embedded and added up, and a hidden layer bends the sum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from foretaste_deep._bags import Bag


class HistoryTower(nn.Module):
    """v = h + relu(h A + a) B, h the weighted sum of the history's item vectors, brought to length 1.

    B starts at zero, so that the layer bends nothing until that pays. An empty history has h = 0. Without ``units``
    there is no layer.
    """

    def __init__(self, items: int, factors: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(items, factors, generator=generator) / factors**0.5)
        self.inner = nn.Parameter(torch.randn(factors, units, generator=generator) / factors**0.5)
        self.inner_offset = nn.Parameter(torch.zeros(units))
        self.outer = nn.Parameter(torch.zeros(units, factors))

    def forward(self, told: Bag) -> torch.Tensor:
        """Return vectors (histories, factors)."""
        summed = functional.embedding_bag(
            told.items, self.items, told.starts, mode="sum", per_sample_weights=told.weights
        )
        whole = functional.normalize(summed, dim=1)
        return whole + functional.relu(whole @ self.inner + self.inner_offset) @ self.outer

    def layers(self) -> list[nn.Parameter]:
        """Return what bends the sum."""
        return [self.inner, self.inner_offset, self.outer]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return all parameters."""
        return {name: held.detach().cpu().numpy().copy() for name, held in self.named_parameters()}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[np.float32]]) -> HistoryTower:
        """Return the tower that these arrays were of."""
        (items, factors), units = arrays["items"].shape, arrays["inner"].shape[1]
        made = cls(items, factors, units, torch.Generator())
        made.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in made.state_dict()})
        return made
