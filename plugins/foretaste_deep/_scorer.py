"""A hidden layer over person and item, beside the product of their vectors."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from foretaste import PairLayer


class Scorer(nn.Module):
    """relu(p A + q B + a) . c for a person p and an item q. c starts at zero, so that nothing is added until it pays.

    With the product of the vectors it is neural matrix factorisation (He et al., Neural collaborative filtering, WWW
    2017).
    """

    def __init__(self, factors: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.person = nn.Parameter(torch.randn(factors, units, generator=generator) / factors**0.5)
        self.item = nn.Parameter(torch.randn(factors, units, generator=generator) / factors**0.5)
        self.offset = nn.Parameter(torch.zeros(units))
        self.out = nn.Parameter(torch.zeros(units))

    def each(self, people: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return what is added (n,) for people and items (n, d)."""
        return functional.relu(people @ self.person + items @ self.item + self.offset) @ self.out

    def every(self, people: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Return what is added (n, k) for all of these people (n, d) and items (k, d)."""
        told = people @ self.person + self.offset
        return functional.relu(told[:, None] + items @ self.item) @ self.out

    def layer(self) -> PairLayer:
        """Return what adds it without torch."""
        return PairLayer(*(p.detach().cpu().numpy().copy() for p in (self.person, self.item, self.offset, self.out)))
