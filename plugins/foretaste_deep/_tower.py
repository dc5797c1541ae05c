"""From a history to a vector: items are embedded and added up, and a hidden layer bends the sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from foretaste import Correction, Encoder, Index, sealed
from foretaste_deep._bags import Bag
from foretaste_deep._description import Description


class HistoryTower(nn.Module):
    """v = h + relu(h A + a) B + h D U, h the weighted sum of the history's item vectors, brought to length 1.

    B starts at zero, so that the layer bends nothing until that pays. An empty history has h = 0. Without ``units``
    there is no layer. With a ``description`` an item's vector is its own and what it is said to be.

    D U is an adapter of low rank, of which U starts at zero (Hu et al., LoRA: low-rank adaptation of large language
    models, ICLR 2022); there is none but where ``adapt`` adds it. Of a ``sparse`` tower a gradient has the rows of the
    items that were read.
    """

    ADAPTER: ClassVar[tuple[str, ...]] = ("down", "up")

    def __init__(
        self,
        items: int,
        factors: int,
        units: int,
        generator: torch.Generator,
        description: Description | None = None,
    ) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(items, factors, generator=generator) / factors**0.5)
        self.inner = nn.Parameter(torch.randn(factors, units, generator=generator) / factors**0.5)
        self.inner_offset = nn.Parameter(torch.zeros(units))
        self.outer = nn.Parameter(torch.zeros(units, factors))
        self.description = description
        self.sparse = False
        self.adapt(0, generator)

    def adapt(self, rank: int, generator: torch.Generator) -> None:
        """Put an adapter of this rank beside what is there."""
        factors = self.items.shape[1]
        self.down = nn.Parameter(torch.randn(factors, rank, generator=generator) / factors**0.5)
        self.up = nn.Parameter(torch.zeros(rank, factors))

    def table(self) -> torch.Tensor:
        """Return the vectors (items, d) that histories add up."""
        return self.items if self.description is None else self.items + self.description()

    def forward(self, told: Bag) -> torch.Tensor:
        """Return vectors (histories, factors)."""
        whole = functional.normalize(told.summed(self.table(), sparse_gradient=self.sparse), dim=1)
        bent = whole + functional.relu(whole @ self.inner + self.inner_offset) @ self.outer
        return bent + whole @ self.down @ self.up if self.adapter() else bent

    def layers(self) -> list[nn.Parameter]:
        """Return what bends the sum."""
        return [self.inner, self.inner_offset, self.outer]

    def adapter(self) -> list[nn.Parameter]:
        """Return the adapter's parameters, none where there is no adapter."""
        return [self.down, self.up] if self.down.shape[1] else []

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return items' vectors, and the layer's parameters."""
        held = {"items": self.table(), "inner": self.inner, "inner_offset": self.inner_offset, "outer": self.outer}
        return {name: p.detach().cpu().numpy().copy() for name, p in held.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> HistoryTower:
        """Return the tower that these arrays were of."""
        factors, units = arrays["inner"].shape
        made = cls(0, factors, units, torch.Generator())  # nothing is drawn that would be replaced
        for name in ("items", "inner", "inner_offset", "outer"):
            getattr(made, name).data = torch.from_numpy(np.array(arrays[name], np.float32))
        return made

    def encoder(self, items: Index, weights: NDArray[np.float32], histories: sparse.csr_matrix) -> Encoder:
        """Return what reads histories without torch as this tower does."""
        arrays = self.arrays()
        bent = Correction(arrays["inner"], arrays["inner_offset"], arrays["outer"]) if self.inner.shape[1] else None
        turned = torch.eye(self.items.shape[1]) + (self.down @ self.up).detach().cpu()
        return Encoder(
            items,
            sealed(arrays["items"]),
            matrix=turned.numpy() if self.adapter() else None,
            histories=histories,
            item_weights=weights,
            unit_length=True,
            correction=bent,
            linear=True,
        )
