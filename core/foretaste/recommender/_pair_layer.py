"""What a hidden layer over person and item adds to the product of their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.recommender._roster import expect_shape, freeze_fields


@dataclass(frozen=True, eq=False)
class PairLayer:
    """Adds relu(p person + q item + offset) . out to the score of vectors p (d,) of a person and q (d,) of an item.

    ``person`` and ``item`` (d, units), ``offset`` and ``out`` (units,). The product of the vectors and this layer are
    the two halves of neural matrix factorisation (He et al., Neural collaborative filtering, WWW 2017). Raises
    ValueError where these do not fit each other.
    """

    person: NDArray[np.float32]
    item: NDArray[np.float32]
    offset: NDArray[np.float32]
    out: NDArray[np.float32]

    def __post_init__(self) -> None:
        freeze_fields(self, *PAIR_PARTS, dtype=np.float32)
        units = self.person.shape[1:2]
        for name, shape in (("item", self.person.shape), ("offset", units), ("out", units)):
            expect_shape(name, getattr(self, name), shape)

    @property
    def width(self) -> int:
        """The length of the vectors."""
        return int(self.person.shape[0])

    def of_items(self, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (items, units) what items (items, d) bring to the layer."""
        return np.asarray(items @ self.item, np.float32)

    def add_to(self, scores: NDArray[np.float32], people: NDArray[np.float32], brought: NDArray[np.float32]) -> None:
        """Add to scores (people, items) what the layer says of people (people, d) and ``brought`` (items, units)."""
        told = people @ self.person + self.offset
        units = np.empty_like(brought)
        for line, own in zip(scores, told, strict=True):
            np.add(brought, own, out=units)
            np.maximum(units, 0, out=units)
            line += units @ self.out


PAIR_PARTS = ("person", "item", "offset", "out")
"""The arrays of a pair layer, as bundles name them."""
