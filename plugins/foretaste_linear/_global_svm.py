"""One support vector machine for everybody, over crosses of what is known of people with what is known of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Encoder, Index, own_share
from foretaste_linear._judgements import Judgements

Vectors = NDArray[np.float32]
Cells = dict[str, NDArray[Any]]

_BLOCK = 2048
_FEWEST = 4
_KINDS = {"shop": np.int8, "person": np.int32, "item": np.int32, "y": np.int8, "without": np.int32, "count": np.float32}


@dataclass(frozen=True, eq=False)
class Shop:
    """A domain whose rows are learnt from.

    ``encoder`` makes of a history there the person's own profile, and keeps everybody's; ``items`` (items, d) are its
    items; ``elsewhere`` (people, width) what its people had elsewhere, zeros for nothing; ``features`` (people, width)
    what else is known of them. At most ``most_rows`` likes of a person are learnt from, and ``most`` of all together:
    of some people where there are more.
    """

    judged: Judgements
    encoder: Encoder
    items: Vectors
    elsewhere: Vectors
    features: Vectors
    most_rows: int
    most: int | None = None


def profile(items: Index, vectors: Vectors, histories: sparse.csr_matrix, width: int, start: int) -> Encoder:
    """Return the encoder of a history as the sum of its items' vectors, common directions counting less, of length 1,
    in the columns from ``start`` of ``width``.
    """
    placed = np.zeros((len(vectors), width), np.float32)
    placed[:, start : start + vectors.shape[1]] = vectors
    firm = float(np.square(vectors, dtype=np.float64).sum()) / max(vectors.shape[1], 1) or 1.0
    return Encoder(items, placed, firm, unit_length=True, histories=histories)


def learn(
    shops: Sequence[Shop], *, kappa: float, negatives: int, regularization: float, epochs: int, seed: int
) -> NDArray[np.float64]:
    """Return (width + 1, d): what each number of a person says of each of an item; the last row is for everybody.

    Averaged stochastic gradient descent on regularization / 2 |W|^2 + the sum of hinge losses; the crosses of some
    thousand rows are in memory at a time. An item that somebody liked is left out of the profile that it is predicted
    from, and those of the items that it is told apart from.
    """
    from sklearn.linear_model import SGDClassifier

    width, d = shops[0].elsewhere.shape[1], shops[0].items.shape[1]
    cells = _cells(shops, negatives, seed)
    known = [_People(shop, kappa) for shop in shops]
    alpha = regularization / len(cells["y"])
    descent = SGDClassifier(alpha=alpha, fit_intercept=False, average=True, random_state=seed)
    rng = np.random.default_rng([seed, 41])
    for _ in range(epochs):
        order = rng.permutation(len(cells["y"]))
        for start in range(0, len(order), _BLOCK):
            some = {name: part[order[start : start + _BLOCK]] for name, part in cells.items()}
            X = np.empty((len(some["y"]), (width + 1) * d))
            for number, shop in enumerate(shops):
                here = np.flatnonzero(some["shop"] == number)
                people = known[number].without(some["person"][here], some["without"][here])
                X[here] = _crossed(people, shop.items[some["item"][here]])
            descent.partial_fit(X, some["y"], classes=[-1, 1], sample_weight=some["count"].astype(np.float64))
    return np.asarray(descent.coef_.reshape(width + 1, d), np.float64)


def _crossed(people: NDArray[np.float64], items: Vectors) -> NDArray[np.float64]:
    """Return (n, (width + 1) d): each number of a person, and 1, times each number of an item."""
    both = np.column_stack([people, np.ones(len(people))])
    return np.asarray((both[:, :, None] * items[:, None, :]).reshape(len(both), -1))


class _People:
    """A shop's people as ``Mix`` would make them of their histories, if they had not had one of their items."""

    def __init__(self, shop: Shop, kappa: float) -> None:
        histories, Q = shop.encoder.histories, shop.encoder.item_factors.astype(np.float64)
        assert histories is not None
        self.each = Q @ np.linalg.inv(Q.T @ Q + shop.encoder.regularization * np.eye(Q.shape[1]))
        self.sums, self.length = histories @ self.each, histories.getnnz(axis=1)
        self.shop, self.kappa, self.placed = shop, kappa, np.asarray(shop.elsewhere.any(axis=1))

    def without(self, people: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n, width) each of these people without one item that they had."""
        length = self.length[people] - 1
        own = np.where(length[:, None] > 0, self.sums[people] - self.each[items], 0)
        size = np.linalg.norm(own, axis=1, keepdims=True)
        own /= np.where(size > 1e-9, size, 1)
        trust = np.where(self.placed[people], own_share(length, self.kappa), 1.0)[:, None]
        return np.asarray(trust * own + (1 - trust) * self.shop.elsewhere[people] + self.shop.features[people])


def _cells(shops: Sequence[Shop], negatives: int, seed: int) -> Cells:
    """Return the rows to learn from, those of all shops and people one after the other."""
    parts = list(_by_person(shops, negatives, seed))
    return {name: np.concatenate([part[name] for part in parts]) for name in _KINDS}


def _by_person(shops: Sequence[Shop], negatives: int, seed: int) -> Iterator[Cells]:
    for number, shop in enumerate(shops):
        people, each = _learnt_from(shop, np.random.default_rng([seed, 43, number]))
        for person in people:
            rng = np.random.default_rng([seed, 42, number, int(person)])
            items, y, counts = shop.judged.rows(int(person), negatives, each, rng)
            said = {
                "shop": np.full(len(y), number),
                "person": np.full(len(y), person),
                "item": items,
                "y": y,
                "without": np.where(y > 0, items, rng.choice(items[y > 0], len(y))),
                "count": counts,
            }
            yield {name: np.asarray(part, _KINDS[name]) for name, part in said.items()}


def _learnt_from(shop: Shop, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    """Return the people whose rows are learnt from, and how many likes of each at most."""
    people = np.flatnonzero(shop.judged.known)
    if shop.most is None or not len(people):
        return people, shop.most_rows
    each = min(max(shop.most // len(people), _FEWEST), shop.most_rows)
    if shop.most < each * len(people):
        people = np.sort(rng.choice(people, max(shop.most // each, 1), replace=False))
    return people, each
