"""People and items as vectors: score = user . item + item bias, and what a layer over both may add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index, frozen
from foretaste.errors import DataError
from foretaste.recommender._answers import Best, Reason, reasons_of
from foretaste.recommender._correction import PARTS, Correction
from foretaste.recommender._encoder import Encoder, Mix
from foretaste.recommender._interface import Recommender
from foretaste.recommender._pair_layer import PAIR_PARTS, PairLayer
from foretaste.recommender._roster import POPULAR, Roster, expect_shape
from foretaste.solvers import top_k_dot


class FactorModel(Recommender):
    """Vectors of people (users, d) and items (items, d), and a bias per item.

    ``encoders`` turn histories into vectors, and ``kappa``, ``center``, ``prior_precision`` and ``additive`` say how
    those of several domains become one: see ``Mix``. A ``pair_layer`` adds to the scores. A person whose vector is all
    zeros is not placed by the model, and is answered by popularity. Raises ValueError where the shapes do not fit each
    other.
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
        center: NDArray[np.float32] | None = None,
        prior_precision: float | None = None,
        additive: bool = False,
        pair_layer: PairLayer | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.user_factors = frozen(user_factors, np.float32)
        self.item_factors = frozen(item_factors, np.float32)
        self.item_bias = frozen(np.zeros(len(item_factors)) if item_bias is None else item_bias, np.float32)
        # one order, whatever a manifest does to it: explanations depend on it
        self._encoders = dict(sorted((encoders or {}).items()))
        self.mix = Mix(float(kappa), center, prior_precision, additive)
        self.pair_layer = pair_layer
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
        if self.mix.center is not None:
            expect_shape("center", self.mix.center, (width,))
        if self.pair_layer is not None and self.pair_layer.width != width:
            raise ValueError(f"pair_layer: found vectors of length {self.pair_layer.width}, expected {width}")
        for name, encoder in self.encoders.items():
            if encoder.width != width:
                raise ValueError(f"encoder '{name}': found vectors of length {encoder.width}, expected {width}")
            if encoder.matrix is not None:
                expect_shape(f"encoder '{name}': matrix", encoder.matrix, (encoder.item_factors.shape[1], width))
            if encoder.offset is not None:
                expect_shape(f"encoder '{name}': offset", encoder.offset, (width,))
            if encoder.linear and name == roster.target and self.mix.prior_precision is not None:
                raise ValueError(f"encoder '{name}': a linear one takes no prior, found a prior_precision")
            if encoder.correction is not None:
                ends = (encoder.item_factors.shape[1], width)
                expect_shape(f"encoder '{name}': correction", encoder.correction, ends)
            if encoder.histories is not None:
                shape = (len(roster.users), len(encoder.items))
                expect_shape(f"encoder '{name}': histories", encoder.histories, shape)

    def rank(
        self, rows: NDArray[np.int64], k: int, *, exclude_seen: bool = True, allow: NDArray[np.bool_] | None = None
    ) -> Best:
        """See Recommender.rank; people placed by the model take a faster road than strangers."""
        paths = self._paths(rows)
        strangers, placed = np.flatnonzero(paths == POPULAR), np.flatnonzero(paths != POPULAR)
        if not len(placed) or self.pair_layer is not None:
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
        self._score(self.user_factors[rows], out)

    def _score(self, vectors: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        np.matmul(vectors, self.item_factors.T, out=out)
        out += self.item_bias
        if self.pair_layer is not None:
            self.pair_layer.add_to(out, vectors, self._brought)

    @cached_property
    def _brought(self) -> NDArray[np.float32]:
        """What items bring to the pair layer (items, units)."""
        return np.zeros((0, 0), np.float32) if self.pair_layer is None else self.pair_layer.of_items(self.item_factors)

    def _fold_in(self, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32] | None:
        vector = self.mix.people(self._encoders, self.roster.target, histories)
        if not vector.any():
            return None
        scores = np.empty((len(vector), len(self.item_factors)), np.float32)
        self._score(vector, scores)
        return scores

    def _domain_items(self) -> Mapping[str, Index]:
        return {name: encoder.items for name, encoder in self.encoders.items()}

    @property
    def rated_domains(self) -> frozenset[str]:
        """See Recommender.rated_domains."""
        return frozenset(name for name, encoder in self.encoders.items() if encoder.reads_ratings)

    def _comparable(self) -> Mapping[str, Index]:
        return {self.roster.target: self.roster.items} | dict(self._domain_items())

    def _contributions(self, row: int, item: int) -> tuple[list[Reason], list[Reason]]:
        if not self.histories():
            raise DataError("explain: this recommender was saved without the histories that an explanation needs")
        aim = self.item_factors[item].astype(np.float64)
        mine = {name: matrix[row] for name, matrix in self.histories().items()}
        target = self.roster.target
        parts = {
            name: self._encoders[name].shares(
                mine[name], towards, float(self.mix.firmness(mine[name])[0]) if name == target else 0.0
            )
            for name, towards in self.mix.directions(self._encoders, target, mine, aim).items()
        }
        whole = float(self.user_factors[row].astype(np.float64) @ aim) + float(self.item_bias[item])
        if self.pair_layer is not None:  # bent over all that is known of a person: no single item accounts for it
            added = np.zeros((1, 1), np.float32)
            self.pair_layer.add_to(added, self.user_factors[[row]], self._brought[[item]])
            whole += float(added[0, 0])
        base = whole - sum(float(shares.sum()) for _, shares in parts.values())
        return [Reason(None, None, base)], reasons_of(parts, self._domain_items())

    def _similar(self, domain: str, row: int) -> NDArray[np.float32]:
        telling = self._telling[self.roster.target]
        if domain == self.roster.target:
            vector = self.item_factors[row]
        else:
            encoder = self.encoders[domain]
            own = encoder.item_factors[row] * self._telling[domain]
            vector = own if encoder.matrix is None else own @ encoder.matrix
        vector = vector * telling
        length = np.linalg.norm(self.item_factors * telling, axis=1) * float(np.linalg.norm(vector))
        cosine = self.item_factors @ vector / np.maximum(length, 1e-12)
        return np.where(length > 0, cosine, -np.inf).astype(np.float32)

    @cached_property
    def _telling(self) -> Mapping[str, NDArray[np.bool_]]:
        """Per domain, which factors tell its items apart (d,): one that all have alike, a bias of people, does not."""
        items = {name: encoder.item_factors for name, encoder in self.encoders.items()}
        items[self.roster.target] = self.item_factors
        return {name: (vectors != vectors[:1]).any(axis=0) | (len(vectors) < 2) for name, vectors in items.items()}

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See Recommender.arrays. Histories are written by the bundle, which may be asked to leave them out."""
        arrays = {"user_factors": self.user_factors, "item_factors": self.item_factors, "item_bias": self.item_bias}
        facts: dict[str, Any] = {"kappa": self.mix.kappa, "encoders": {}} | self._noted()
        if self.mix.center is not None:
            arrays["center"] = self.mix.center
        if self.mix.prior_precision is not None:
            facts["prior_precision"] = self.mix.prior_precision
        if self.mix.additive:
            facts["additive"] = True
        for part in PAIR_PARTS if self.pair_layer is not None else ():
            arrays[f"pair_layer.{part}"] = getattr(self.pair_layer, part)
        for name, encoder in self.encoders.items():
            arrays[f"encoder.{name}.item_factors"] = encoder.item_factors
            for part in ("matrix", "offset", "item_weights", "expected"):
                if (array := getattr(encoder, part)) is not None:
                    arrays[f"encoder.{name}.{part}"] = array
            for part in PARTS if encoder.correction is not None else ():
                if (array := getattr(encoder.correction, part)) is not None:
                    arrays[f"encoder.{name}.correction.{part}"] = array
            facts["encoders"][name] = {
                part: getattr(encoder, part) for part in ("regularization", "alpha", "unit_length")
            } | ({"linear": True} if encoder.linear else {})
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
                _correction_in(arrays, f"encoder.{name}.correction."),
                arrays.get(f"encoder.{name}.expected"),
                settings.get("linear", False),
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
            center=arrays.get("center"),
            prior_precision=facts.get("prior_precision"),
            additive=facts.get("additive", False),
            pair_layer=_pair_layer_in(arrays),
            notes=facts.get("notes", ()),
        )


def _correction_in(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Correction | None:
    found = {part: arrays[prefix + part] for part in PARTS if prefix + part in arrays}
    return Correction(**found) if found else None


def _pair_layer_in(arrays: Mapping[str, NDArray[Any]]) -> PairLayer | None:
    found = {part: arrays[f"pair_layer.{part}"] for part in PAIR_PARTS if f"pair_layer.{part}" in arrays}
    return PairLayer(**found) if found else None
