"""How alike the items of two domains are by what is written about them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Features

_BLOCK_CELLS = 4_000_000
_NUMERIC_BINS = 10


def feature_vectors(here: Features, there: Features) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return TF-IDF rows of length 1 for the ids of both tables, (ids, tokens) float32 over one vocabulary.

    Columns of the same name are compared: a value of a categorical or multi-valued column is a token, so is each word
    of a text, and the tenth of all values into which a number falls. An id without any value has a row of zeros. No
    column in common gives no token.
    """
    shared = [name for name in there.kinds if name in here.kinds]
    vocabulary: dict[str, int] = {}
    sides = [_counted(_tokens(one, other, shared), vocabulary) for one, other in ((here, there), (there, here))]
    held = [
        sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, words)), shape=(len(one.index), len(vocabulary)))
        for one, (rows, words) in zip((here, there), sides, strict=True)
    ]
    for one in held:
        one.data[:] = 1  # a word that is said twice was summed
    documents = sum(int((np.diff(one.indptr) > 0).sum()) for one in held)
    frequency = np.sum([np.bincount(one.indices, minlength=len(vocabulary)) for one in held], axis=0)
    rarity = np.log((1 + documents) / (1 + frequency)).astype(np.float32)
    found = [_unit_rows(one, rarity) for one in held]
    return found[0], found[1]


def _tokens(features: Features, other: Features, columns: Iterable[str]) -> Iterable[tuple[int, str]]:
    for name in columns:
        kind, column = features.kinds[name], features.table[name]
        if kind == "numeric" and other.kinds[name] == "numeric":
            both = np.concatenate([features.table[name].drop_nulls(), other.table[name].drop_nulls()]).astype(float)
            edges = np.quantile(both, np.linspace(0, 1, _NUMERIC_BINS + 1)[1:-1]) if len(both) else np.zeros(0)
            values = column.cast(pl.Float64).to_list()
            yield from ((r, f"{name}={np.searchsorted(edges, v)}") for r, v in enumerate(values) if v is not None)
            continue
        for row, value in enumerate(column.to_list()):
            if value is not None:
                yield from ((row, f"{name}={word}") for word in _words(value, kind))


def _words(value: object, kind: str) -> list[str]:
    if kind == "text":
        return re.findall(r"\w+", str(value).lower())
    if kind == "multi-valued":
        parts = value if isinstance(value, list) else str(value).split("|")
        return [str(part) for part in parts if part not in (None, "")]
    return [str(value)]


def _counted(
    tokens: Iterable[tuple[int, str]], vocabulary: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pairs = [(row, vocabulary.setdefault(word, len(vocabulary))) for row, word in tokens]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _unit_rows(matrix: sparse.csr_matrix, weights: NDArray[np.float32]) -> sparse.csr_matrix:
    weighted = sparse.csr_matrix(matrix.multiply(weights))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    weighted.data /= np.maximum(np.repeat(lengths, np.diff(weighted.indptr)), 1e-12)
    weighted.eliminate_zeros()
    return weighted


def nearest(here: sparse.csr_matrix, there: sparse.csr_matrix, neighbours: int, threshold: float) -> sparse.csr_matrix:
    """Return (rows of ``there``, rows of ``here``) the cosines of each row's nearest, those below ``threshold`` left
    out; rows of both have length 1.
    """
    columns = sparse.csr_matrix(here.T)
    block = max(1, _BLOCK_CELLS // max(here.shape[0], 1))
    parts = [
        _strongest((there[start : start + block] @ columns).toarray(), neighbours, threshold)
        for start in range(0, there.shape[0], block)
    ]
    empty = sparse.csr_matrix((0, here.shape[0]), dtype=np.float32)
    return sparse.csr_matrix(sparse.vstack([empty, *parts], format="csr"))


def _strongest(cosines: NDArray[np.float32], neighbours: int, threshold: float) -> sparse.csr_matrix:
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :neighbours]
    best = np.take_along_axis(cosines, order, axis=1)
    rows = np.repeat(np.arange(len(cosines)), order.shape[1])
    keep = (best >= threshold).ravel()
    found = (best.ravel()[keep], (rows[keep], order.ravel()[keep]))
    return sparse.csr_matrix(found, shape=cosines.shape)
