"""From a history to a vector: one domain's encoder, and the mix of what several domains say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender._correction import Correction
from foretaste.recommender._roster import expect_shape, freeze_fields
from foretaste.solvers import als_rows, als_shares, rating_rows, rating_shares


@dataclass(frozen=True, eq=False)
class Encoder:
    """How a history in one domain becomes a vector of the target's space.

    The history, its values times ``item_weights`` (items of the domain,) where there are some, is folded in against
    ``item_factors`` (items of the domain, d) by one ALS step with ``regularization`` and ``alpha``; the vector is
    brought to length 1 if ``unit_length``; the result is mapped by ``matrix`` (d, target d) and ``offset`` (target d,),
    both None for the target's own history unless vectors add up, and what ``correction`` says of it is added.
    ``histories`` (users, items of the domain) are kept for explanations only.

    With ``expected`` (items of the domain,), what each item is rated on the average, a history holds ratings: what they
    deviate from it is folded in by one step of ALS for ratings, in which nothing counts but what is rated; ``alpha``
    is not read then, and there are no ``item_weights``. A bias of people is a factor that all items have alike.

    A ``linear`` encoder solves nothing: the vector is the history, weighted and brought to length 1, times
    ``item_factors``; ``regularization`` and ``alpha`` are not read. Of ratings, it is what n of them deviate times
    ``item_factors``, divided by n + ``regularization``: a damped mean, of which a bias of people is a factor that all
    items have as 1.

    Raises ValueError where these do not fit each other.
    """

    items: Index
    item_factors: NDArray[np.float32]
    regularization: float = 1.0
    alpha: float = 1.0
    matrix: NDArray[np.float32] | None = None
    offset: NDArray[np.float32] | None = None
    histories: sparse.csr_matrix | None = None
    item_weights: NDArray[np.float32] | None = None
    unit_length: bool = False
    correction: Correction | None = None
    expected: NDArray[np.float32] | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        freeze_fields(self, "item_factors", "matrix", "offset", "item_weights", "expected", dtype=np.float32)
        freeze_fields(self, "histories")
        expect_shape("item_factors", self.item_factors, (len(self.items), *self.item_factors.shape[1:2]))
        for name in ("item_weights", "expected"):
            if getattr(self, name) is not None:
                expect_shape(name, getattr(self, name), (len(self.items),))
        if self.item_weights is not None and self.expected is not None:
            raise ValueError("item_weights and expected: found both, but ratings have no weights")
        for name in ("regularization", "alpha"):
            value = float(getattr(self, name))
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name}: found {value}, expected a finite number above 0")
            object.__setattr__(self, name, value)

    @property
    def reads_ratings(self) -> bool:
        """Whether the values of a history are ratings."""
        return self.expected is not None

    @property
    def width(self) -> int:
        """The length of the vectors that come out."""
        return int(self.item_factors.shape[1] if self.matrix is None else self.matrix.shape[1])

    def encode(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """Return vectors (rows, target d)."""
        return self.mapped(self.fold_in(histories))

    def mapped(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (rows, target d) of vectors (rows, d) in the domain's own space."""
        turned = vectors if self.matrix is None else vectors @ self.matrix
        turned = turned if self.offset is None else turned + self.offset
        return turned if self.correction is None else turned + self.correction.added(vectors)

    def fold_in(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """Return vectors (rows, d) in the domain's own space, not mapped yet; zeros for an empty history."""
        vectors = self.solved(histories)
        return vectors / _lengths(vectors)[:, None] if self.unit_length else vectors

    def solved(
        self,
        histories: sparse.csr_matrix,
        prior: NDArray[np.float32] | None = None,
        prior_precision: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (rows, d) of one step of ALS, held to ``prior`` (rows, d) by ``prior_precision`` (rows,)."""
        told, firm = self.weighted(histories), self.regularization
        if self.linear:
            return np.asarray(self._summed(told) @ self.item_factors, np.float32)
        if not self.reads_ratings:
            return als_rows(
                told, self.item_factors, firm, alpha=self.alpha, prior=prior, prior_precision=prior_precision
            )
        if prior is None or prior_precision is None:
            return rating_rows(told, self.item_factors, firm)
        both = np.repeat((firm + prior_precision)[:, None], prior.shape[1], axis=1)
        share = np.where(told.getnnz(axis=1) > 0, prior_precision / both[:, 0], 1)
        return rating_rows(told, self.item_factors, both, prior=share[:, None] * prior)

    def weighted(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return histories as they are folded in."""
        if self.expected is not None:
            values = histories.data - self.expected.astype(np.float64)[histories.indices]
        elif self.item_weights is not None:
            values = histories.data * self.item_weights[histories.indices]
        else:
            return histories
        return sparse.csr_matrix((values, histories.indices, histories.indptr), shape=histories.shape)

    def _summed(self, told: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return what a linear encoder multiplies ``item_factors`` with."""
        if not self.reads_ratings:
            return _unit_rows(told)
        return _divided_rows(told, np.diff(told.indptr) + self.regularization)

    def shares(
        self, history: sparse.csr_matrix, towards: NDArray[np.float64], prior_precision: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the item rows of one history (1, items), and what each adds to its vector's part along ``towards``.

        ``towards`` is a direction (target d,) of the target's space.
        """
        told = self.weighted(history)
        before = towards if self.matrix is None else self.matrix.astype(np.float64) @ towards
        if self.correction is not None:
            before = before + self.correction.direction(self.fold_in(history)[0], towards)
        firm = self.regularization + prior_precision
        if self.linear:
            found = self._summed(told).data * (self.item_factors[told.indices].astype(np.float64) @ before)
        elif self.reads_ratings:
            found = rating_shares(told, self.item_factors, firm, before)
        else:
            found = als_shares(told, self.item_factors, firm, before, alpha=self.alpha)
        if self.unit_length:
            found = found / float(_lengths(self.solved(history))[0])
        return history.indices.astype(np.int64), found


def _lengths(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return (rows,) the length of each vector, 1 for zeros."""
    lengths = np.linalg.norm(vectors, axis=1)
    return np.where(lengths > 0, lengths, 1).astype(np.float32)


def _unit_rows(histories: sparse.csr_matrix) -> sparse.csr_matrix:
    values = histories.data.astype(np.float64)
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    lengths = np.sqrt(np.bincount(rows, values**2, minlength=histories.shape[0]))
    return _divided_rows(histories, np.where(lengths > 0, lengths, 1))


def _divided_rows(histories: sparse.csr_matrix, by: NDArray[np.float64]) -> sparse.csr_matrix:
    """Return each row divided by its number of ``by`` (rows,); zeros stay stored, which a product would drop."""
    values = histories.data.astype(np.float64) / np.repeat(by, np.diff(histories.indptr))
    return sparse.csr_matrix((values, histories.indices, histories.indptr), shape=histories.shape)


def own_share(length: NDArray[np.integer[Any]] | int, kappa: float) -> NDArray[np.float64]:
    """Return b = k / (k + kappa), 0-1: how much a person's own vector counts beside the mapped one, k target items."""
    return np.asarray(length / np.maximum(length + kappa, 1e-9), np.float64)


@dataclass(frozen=True, eq=False)
class Mix:
    """How a person's own vector and those mapped from the sources become one.

    The mapped vector m is the mean over the sources, or with ``center`` (d,) center + sum (mapped - center), where maps
    are weighted already. Then b * own + (1 - b) * m with b = k / (k + ``kappa``), k the number of
    target items; or with ``prior_precision``, the target history folded in with m as prior mean, held to it by
    ``prior_precision`` / b: m for nobody's history, the own vector for a long one. With ``additive`` the vectors of all
    domains, the target's own mapped as well, just add up. Raises ValueError for numbers below zero, and for a center or
    precision beside ``additive``.
    """

    kappa: float = 0.0
    center: NDArray[np.float32] | None = None
    prior_precision: float | None = None
    additive: bool = False

    def __post_init__(self) -> None:
        freeze_fields(self, "center", dtype=np.float32)
        if not (np.isfinite(self.kappa) and self.kappa >= 0):
            raise ValueError(f"kappa: found {self.kappa}, expected a finite number of 0 or more")
        if self.prior_precision is not None and not (np.isfinite(self.prior_precision) and self.prior_precision > 0):
            raise ValueError(f"prior_precision: found {self.prior_precision}, expected a finite number above 0")
        if self.additive and (self.center is not None or self.prior_precision is not None):
            raise ValueError("additive: found a center or prior_precision beside it, which it does not read")

    def people(
        self,
        encoders: Mapping[str, Encoder],
        target: str,
        histories: Mapping[str, sparse.csr_matrix],
        vectors: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> NDArray[np.float32]:
        """Return (rows, target d) the vectors of people with these histories (rows, items) by domain.

        ``vectors`` are those that were folded in already, each in its domain's own space. Nobody's history gives zeros.
        """
        known = vectors or {}
        if self.additive:
            return self._added(encoders, histories, known)
        sources = [n for n in encoders if n in histories and n != target]  # sums in one order, whoever asks
        own = {n: known[n] if n in known else encoders[n].fold_in(histories[n]) for n in sources}
        m, placed = self._mapped(encoders, histories, own, encoders[target].width if target in encoders else None)
        if target not in histories:
            return np.where(placed[:, None], m, 0).astype(np.float32)
        encoder, history = encoders[target], histories[target]
        if self.prior_precision is not None:
            return self._with_prior(encoder, history, m, placed)
        mine = known[target] if target in known else encoder.fold_in(history)
        trust = np.where(placed, own_share(history.getnnz(axis=1), self.kappa), 1.0)[:, None]
        return np.asarray(trust * mine + (1 - trust) * m, np.float32)

    def _added(
        self,
        encoders: Mapping[str, Encoder],
        histories: Mapping[str, sparse.csr_matrix],
        known: Mapping[str, NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        read = [name for name in encoders if name in histories]
        total = np.zeros((histories[read[0]].shape[0], encoders[read[0]].width), np.float32)
        for name in read:
            placed = histories[name].getnnz(axis=1) > 0
            own = known[name] if name in known else encoders[name].fold_in(histories[name])
            total[placed] += encoders[name].mapped(own[placed])
        return total

    def _mapped(
        self,
        encoders: Mapping[str, Encoder],
        histories: Mapping[str, sparse.csr_matrix],
        own: Mapping[str, NDArray[np.float32]],
        width: int | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the mapped vectors, and who has any source history."""
        rows = next(iter(histories.values())).shape[0]
        width = next(encoders[name].width for name in own) if width is None else width
        center = np.zeros(width, np.float32) if self.center is None else self.center
        total, sources = np.zeros((rows, width), np.float32), np.zeros(rows, np.float32)
        for name, found in own.items():
            placed = histories[name].getnnz(axis=1) > 0
            total[placed] += encoders[name].mapped(found[placed]) - center
            sources += placed
        if self.center is None:
            total /= np.maximum(sources, 1)[:, None]
        return total + center, sources > 0

    def firmness(self, history: sparse.csr_matrix) -> NDArray[np.float64]:
        """Return (rows,) how firmly people of these target histories are held to their mapped vector."""
        share = own_share(np.maximum(history.getnnz(axis=1), 1), self.kappa)
        return (self.prior_precision or 0.0) / share

    def _with_prior(
        self,
        encoder: Encoder,
        history: sparse.csr_matrix,
        m: NDArray[np.float32],
        placed: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        found = encoder.solved(history, m, self.firmness(history))
        found[~placed & (history.getnnz(axis=1) == 0)] = 0
        return found

    def directions(
        self, encoders: Mapping[str, Encoder], target: str, histories: Mapping[str, sparse.csr_matrix], aim: Any
    ) -> dict[str, NDArray[np.float64]]:
        """Return, per domain of one person's histories (1, items), the direction along which it counts towards ``aim``.

        The person's vector times ``aim`` (target d,) is what the domains' vectors along these directions add up to, and
        a constant.
        """
        lengths = {name: history.nnz for name, history in histories.items() if history.nnz}
        if self.additive:
            return dict.fromkeys(lengths, aim)
        sources = [name for name in lengths if name != target]
        each = 1.0 if self.center is not None else 1.0 / max(len(sources), 1)
        if self.prior_precision is None or target not in lengths:
            trust = float(own_share(lengths.get(target, 0), self.kappa)) if sources else 1.0
            found = dict.fromkeys(sources, (1 - trust) * each * aim)
            return found | ({target: trust * aim} if target in lengths else {})
        # A p = sum c q + precision * m: what m adds goes by precision * A^-1 aim
        encoder, history = encoders[target], histories[target]
        priors = np.stack([aim, np.zeros_like(aim)]).astype(np.float32)
        twice = sparse.vstack([history, history], format="csr")
        one, other = self._with_prior(encoder, twice, priors, np.ones(2, bool)).astype(np.float64)
        return dict.fromkeys(sources, each * (one - other)) | {target: aim}
