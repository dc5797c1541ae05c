"""What bends a linear map: a layer of units beside it, open for some people and closed for others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foretaste.recommender._roster import expect_shape, freeze_fields


@dataclass(frozen=True, eq=False)
class Correction:
    """Adds ((x inner + inner_offset) * open(x)) outer to what a linear map makes of vectors x (rows, d).

    ``inner`` (d, units), ``inner_offset`` (units,), ``outer`` (units, target d). Without a gate a unit is open, 1,
    where its value is above 0, and else closed, 0: a rectified hidden layer. With ``gate`` (d, units) and
    ``gate_offset`` (units,) it is open by tanh(x gate + gate_offset): then x has a matrix
    of its own, of rank ``units``. Raises ValueError where these do not fit each other.
    """

    inner: NDArray[np.float32]
    inner_offset: NDArray[np.float32]
    outer: NDArray[np.float32]
    gate: NDArray[np.float32] | None = None
    gate_offset: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        freeze_fields(self, *PARTS, dtype=np.float32)
        d, units = self.inner.shape[:1], self.inner.shape[1:2]
        expect_shape("inner", self.inner, (*d, *units))
        expect_shape("inner_offset", self.inner_offset, units)
        expect_shape("outer", self.outer, (*units, *self.outer.shape[1:2]))
        if (self.gate is None) != (self.gate_offset is None):
            raise ValueError("gate and gate_offset go together; found one of them, expected both or neither")
        if self.gate is not None and self.gate_offset is not None:
            expect_shape("gate", self.gate, (*d, *units))
            expect_shape("gate_offset", self.gate_offset, units)

    @property
    def shape(self) -> tuple[int, int]:
        """(d, target d): what goes in and what comes out."""
        return self.inner.shape[0], self.outer.shape[1]

    def scaled(self, share: float) -> Correction:
        """Return the correction times ``share``."""
        return replace(self, outer=np.asarray(share * self.outer, np.float32))

    def added(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is added (rows, target d) for vectors (rows, d)."""
        values, opened = self._units(vectors)
        return np.asarray((values * opened) @ self.outer, np.float32)

    def direction(self, vector: NDArray[np.float32], aim: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the direction (d,) along which ``vector`` (d,) counts towards ``aim`` (target d,), its gates held."""
        _, opened = self._units(vector[None])
        return np.asarray(self.inner.astype(np.float64) @ (opened[0] * (self.outer.astype(np.float64) @ aim)))

    def _units(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = vectors @ self.inner + self.inner_offset
        if self.gate is None or self.gate_offset is None:
            return values, (values > 0).astype(np.float32)
        return values, np.tanh(vectors @ self.gate + self.gate_offset)


PARTS = ("inner", "inner_offset", "outer", "gate", "gate_offset")
"""The arrays of a correction, as bundles name them."""
