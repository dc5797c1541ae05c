"""Counts that outlive a fit: arrays and ids of items, and nobody in particular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Carried, DataError, Index, sealed


@dataclass(frozen=True, eq=False)
class Kept:
    """``people`` (target items,) preferred each item; ``counts`` (items or tokens, target items) by side had both.

    ``links`` (items, target items) lead from sources of which the items alone are shared. ``items`` names the rows of
    either. People of ``markets`` are in the counts, at a discount.
    """

    target: str
    people: NDArray[np.float64]
    counts: Mapping[str, sparse.csr_matrix]
    links: Mapping[str, sparse.csr_matrix]
    items: Mapping[str, Index]
    markets: tuple[str, ...]

    def carried(self) -> Carried:
        """Return it as arrays and JSON-ready facts."""
        arrays: dict[str, NDArray[Any]] = {"people": self.people}
        for kind, matrices in (("counts", self.counts), ("links", self.links)):
            for name, matrix in matrices.items():
                parts = {part: getattr(matrix, part) for part in ("data", "indices", "indptr")}
                arrays |= {f"{kind}.{name}.{part}": array for part, array in parts.items()}
        meta = {
            "target": self.target,
            "counts": list(self.counts),
            "links": list(self.links),
            "items": {name: index.ids.to_list() for name, index in self.items.items()},
            "kinds": {name: index.kind for name, index in self.items.items()},
            "markets": list(self.markets),
        }
        return Carried({name: sealed(array) for name, array in arrays.items()}, meta)

    @classmethod
    def of(cls, carried: Carried) -> Kept:
        """Return what was carried; DataError where it is something else."""
        meta, arrays = carried.meta, carried.arrays
        try:
            items = {name: Index(ids, meta["kinds"][name]) for name, ids in meta["items"].items()}
            width = len(items[meta["target"]])

            def matrix(kind: str, name: str) -> sparse.csr_matrix:
                parts = tuple(arrays[f"{kind}.{name}.{part}"] for part in ("data", "indices", "indptr"))
                found = sparse.csr_matrix(parts, shape=(len(items[name]), width))
                found.check_format(full_check=True)
                return found

            counts, links = ({name: matrix(kind, name) for name in meta[kind]} for kind in ("counts", "links"))
            return cls(meta["target"], arrays["people"], counts, links, items, tuple(meta["markets"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"counts: expected what count or update of linear/naive-bayes returned: {error}") from error
