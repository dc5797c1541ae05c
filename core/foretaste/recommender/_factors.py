"""People and items as vectors: score = user . item + item bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index, frozen
from foretaste.errors import DataError
from foretaste.recommender._answers import Best
from foretaste.recommender._interface import Recommender
from foretaste.recommender._roster import POPULAR, Roster, expect_shape, freeze_fields
from foretaste.solvers import als_rows, als_shares, top_k_dot


@dataclass(frozen=True, eq=False)
class Encoder:
    """How a history in one domain becomes a vector of the target's space.

    The history, its values times ``item_weights`` (items of the domain,) where there are some, is folded in against
    ``item_factors`` (items of the domain, d) by one ALS step with ``regularization`` and ``alpha``; the vector is
    brought to length 1 if ``unit_length``; the result is mapped by ``matrix`` (d, target d) and ``offset`` (target d,),
    both None for the target's own history. ``histories`` (users, items of the domain) are kept for explanations only.
    Raises ValueError where these do not fit each other.
    """

    items: Index
    item_factors: NDArray[np.float32]
    regularization: float
    alpha: float = 1.0
    matrix: NDArray[np.float32] | None = None
    offset: NDArray[np.float32] | None = None
    histories: sparse.csr_matrix | None = None
    item_weights: NDArray[np.float32] | None = None
    unit_length: bool = False

    def __post_init__(self) -> None:
        freeze_fields(self, "item_factors", "matrix", "offset", "item_weights", dtype=np.float32)
        freeze_fields(self, "histories")
        expect_shape("item_factors", self.item_factors, (len(self.items), *self.item_factors.shape[1:2]))
        if self.item_weights is not None:
            expect_shape("item_weights", self.item_weights, (len(self.items),))
        for name in ("regularization", "alpha"):
            value = float(getattr(self, name))
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name}: found {value}, expected a finite number above 0")

    @property
    def width(self) -> int:
        """The length of the vectors that come out."""
        return int(self.item_factors.shape[1] if self.matrix is None else self.matrix.shape[1])

    def encode(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """Return vectors (rows, target d)."""
        own = self.fold_in(histories)
        mapped = own if self.matrix is None else own @ self.matrix
        return mapped if self.offset is None else mapped + self.offset

    def fold_in(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """Return vectors (rows, d) in the domain's own space, not mapped yet; zeros for an empty history."""
        vectors = als_rows(self.weighted(histories), self.item_factors, self.regularization, alpha=self.alpha)
        return vectors / _lengths(vectors)[:, None] if self.unit_length else vectors

    def weighted(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return histories as they are folded in."""
        if self.item_weights is None:
            return histories
        values = histories.data * self.item_weights[histories.indices]
        return sparse.csr_matrix((values, histories.indices, histories.indptr), shape=histories.shape)

    def shares(
        self, history: sparse.csr_matrix, towards: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the item rows of one history (1, items), and what each adds to its vector's part along ``towards``.

        ``towards`` (d,) is of this domain's own space, before the map.
        """
        told = self.weighted(history)
        found = als_shares(told, self.item_factors, self.regularization, towards, alpha=self.alpha)
        if self.unit_length:
            found = found / float(_lengths(als_rows(told, self.item_factors, self.regularization, alpha=self.alpha))[0])
        return history.indices.astype(np.int64), found


def _lengths(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return (rows,) the length of each vector, 1 for zeros."""
    lengths = np.linalg.norm(vectors, axis=1)
    return np.where(lengths > 0, lengths, 1).astype(np.float32)


def own_share(length: NDArray[np.integer[Any]] | int, kappa: float) -> NDArray[np.float64]:
    """Return b = k / (k + kappa), 0-1: how much a person's own vector counts beside the mapped one, k target items."""
    return np.asarray(length / np.maximum(length + kappa, 1e-9), np.float64)


class FactorModel(Recommender):
    """Vectors of people (users, d) and items (items, d), and a bias per item.

    A folded-in person with history on both sides gets ``b * own + (1 - b) * mapped`` with b = k / (k + kappa), k the
    number of target items, and mapped the mean over the sources. A person whose vector is all zeros is not placed by
    the model, and is answered by popularity. Raises ValueError where the shapes do not fit each other.
    """

    kind: ClassVar[str] = "factors"

    def __init__(
        self,
        roster: Roster,
        user_factors: NDArray[np.float32],
        item_factors: NDArray[np.float32],
        *,
        item_bias: NDArray[np.float32] | None = None,
        encoders: Mapping[str, Encoder] | None = None,
        kappa: float = 0.0,
        notes: Sequence[str] = (),
    ) -> None:
        self.user_factors = frozen(user_factors, np.float32)
        self.item_factors = frozen(item_factors, np.float32)
        self.item_bias = frozen(np.zeros(len(item_factors)) if item_bias is None else item_bias, np.float32)
        self._encoders = dict(encoders or {})
        self.kappa = float(kappa)
        self._check(roster)
        super().__init__(roster.popular_where(np.asarray(~self.user_factors.any(axis=1))), notes)

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """The encoders by domain."""
        return MappingProxyType(self._encoders)

    def _check(self, roster: Roster) -> None:
        width = self.item_factors.shape[-1]
        expect_shape("user_factors", self.user_factors, (len(roster.users), width))
        expect_shape("item_factors", self.item_factors, (len(roster.items), width))
        expect_shape("item_bias", self.item_bias, (len(roster.items),))
        if not (np.isfinite(self.kappa) and self.kappa >= 0):
            raise ValueError(f"kappa: found {self.kappa}, expected a finite number of 0 or more")
        for name, encoder in self.encoders.items():
            if encoder.width != width:
                raise ValueError(f"encoder '{name}': found vectors of length {encoder.width}, expected {width}")
            if encoder.matrix is not None:
                expect_shape(f"encoder '{name}': matrix", encoder.matrix, (encoder.item_factors.shape[1], width))
            if encoder.offset is not None:
                expect_shape(f"encoder '{name}': offset", encoder.offset, (width,))
            if encoder.histories is not None:
                shape = (len(roster.users), len(encoder.items))
                expect_shape(f"encoder '{name}': histories", encoder.histories, shape)

    def rank(
        self, rows: NDArray[np.int64], k: int, *, exclude_seen: bool = True, allow: NDArray[np.bool_] | None = None
    ) -> Best:
        """See Recommender.rank; people placed by the model take a faster road than strangers."""
        paths = self._paths(rows)
        strangers, placed = np.flatnonzero(paths == POPULAR), np.flatnonzero(paths != POPULAR)
        if not len(placed):
            return super().rank(rows, k, exclude_seen=exclude_seen, allow=allow)
        mine = rows[placed]
        vectors, seen = self.user_factors[mine], self._seen(mine, exclude_seen)
        best = top_k_dot(vectors, self.item_factors, k, bias=self.item_bias, exclude=seen, allow=allow)
        if not len(strangers):
            return best
        popular = super().rank(rows[strangers], k, exclude_seen=exclude_seen, allow=allow)
        items, scores = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
        items[placed], scores[placed] = best
        items[strangers], scores[strangers] = popular
        return items, scores

    def _fill(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        np.matmul(self.user_factors[rows], self.item_factors.T, out=out)
        out += self.item_bias

    def _fold_in(self, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32]:
        target = self.roster.target
        mapped = [self.encoders[name].encode(row) for name, row in histories.items() if name != target]
        vector = np.mean(mapped, axis=0) if mapped else None
        if target in histories:
            own = self.encoders[target].encode(histories[target])
            length = histories[target].nnz
            trust = float(own_share(length, self.kappa))
            vector = own if vector is None else trust * own + (1 - trust) * vector
        assert vector is not None
        return np.asarray(vector @ self.item_factors.T + self.item_bias, np.float32)

    def _domain_items(self) -> Mapping[str, Index]:
        return {name: encoder.items for name, encoder in self.encoders.items()}

    def _comparable(self) -> Mapping[str, Index]:
        return {self.roster.target: self.roster.items} | dict(self._domain_items())

    def _contributions(self, row: int, item: int) -> tuple[float, dict[str, tuple[NDArray[np.int64], NDArray[Any]]]]:
        if not self.histories():
            raise DataError("explain: this recommender was saved without the histories that an explanation needs")
        aim = self.item_factors[item].astype(np.float64)
        trusts = self._trusts(row)
        parts = {}
        for name, trust in trusts.items():
            encoder = self.encoders[name]
            assert encoder.histories is not None
            towards = aim if encoder.matrix is None else encoder.matrix.astype(np.float64) @ aim
            parts[name] = encoder.shares(encoder.histories[row], trust * towards)
        whole = float(self.user_factors[row].astype(np.float64) @ aim) + float(self.item_bias[item])
        return whole - sum(float(p[1].sum()) for p in parts.values()), parts

    def _trusts(self, row: int) -> dict[str, float]:
        lengths = {n: e.histories[row].nnz for n, e in self.encoders.items() if e.histories is not None}
        sources = [n for n, length in lengths.items() if length and n != self.roster.target]
        own = lengths.get(self.roster.target, 0)
        trust = float(own_share(own, self.kappa)) if sources else 1.0
        trusts = {n: (1 - trust) / len(sources) for n in sources}
        return trusts | ({self.roster.target: trust} if own else {})

    def _similar(self, domain: str, row: int) -> NDArray[np.float32]:
        if domain == self.roster.target:
            vector = self.item_factors[row]
        else:
            encoder = self.encoders[domain]
            own = encoder.item_factors[row]
            vector = own if encoder.matrix is None else own @ encoder.matrix
        length = np.linalg.norm(self.item_factors, axis=1) * max(float(np.linalg.norm(vector)), 1e-12)
        return np.asarray(self.item_factors @ vector / np.maximum(length, 1e-12), np.float32)

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See Recommender.arrays. Histories are written by the bundle, which may be asked to leave them out."""
        arrays = {"user_factors": self.user_factors, "item_factors": self.item_factors, "item_bias": self.item_bias}
        facts: dict[str, Any] = {"kappa": self.kappa, "encoders": {}} | self._noted()
        for name, encoder in self.encoders.items():
            arrays[f"encoder.{name}.item_factors"] = encoder.item_factors
            for part in ("matrix", "offset", "item_weights"):
                if (array := getattr(encoder, part)) is not None:
                    arrays[f"encoder.{name}.{part}"] = array
            facts["encoders"][name] = {
                part: getattr(encoder, part) for part in ("regularization", "alpha", "unit_length")
            }
        return arrays, facts

    def histories(self) -> Mapping[str, sparse.csr_matrix]:
        """Return the kept histories, by domain."""
        return {n: e.histories for n, e in self.encoders.items() if e.histories is not None}

    @classmethod
    def from_arrays(
        cls,
        roster: Roster,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        indexes: Mapping[str, Index],
        histories: Mapping[str, sparse.csr_matrix],
    ) -> FactorModel:
        """Rebuild the model that ``arrays`` and ``indexes`` describe."""
        encoders = {
            name: Encoder(
                indexes[name],
                arrays[f"encoder.{name}.item_factors"],
                settings["regularization"],
                settings["alpha"],
                arrays.get(f"encoder.{name}.matrix"),
                arrays.get(f"encoder.{name}.offset"),
                histories.get(name),
                arrays.get(f"encoder.{name}.item_weights"),
                settings["unit_length"],
            )
            for name, settings in facts["encoders"].items()
        }
        return cls(
            roster,
            arrays["user_factors"],
            arrays["item_factors"],
            item_bias=arrays["item_bias"],
            encoders=encoders,
            kappa=facts["kappa"],
            notes=facts.get("notes", ()),
        )
