"""Features as numbers: one column for each value, word or range that something has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data._features import Features
from foretaste.data._frozen import sealed

_NUMERIC_BINS = 10


@dataclass(frozen=True, eq=False)
class FeatureMatrices:
    """One matrix (ids, tokens) per table, float32; all have the same columns.

    ``names`` says what each column stands for: ``"genre=comedy"``, ``"title=sea"``, ``"price=9"`` (the dearest tenth).
    """

    names: tuple[str, ...]
    matrices: tuple[sparse.csr_matrix, ...]


def feature_matrices(tables: Sequence[Features], *, weighting: Literal["tf-idf", "ones"] = "tf-idf") -> FeatureMatrices:
    """Return what is known of people or items as matrices that can be compared, one for each table.

    Of one table all columns are read, of several those that all of them have, by name. A value of a categorical or
    multi-valued column is a token; so is each word of a text, in lower case; and the tenth of all values, over all
    tables, into which a number falls. What is missing brings no token: an id without any value has a row of zeros. No
    column in common leaves no token.

    ``"ones"``: 1 where an id has the token, however often. ``"tf-idf"``: that times log((1 + n) / (1 + ids with the
    token)), n the ids of all tables that have any; rows of length 1 (Spärck Jones, Journal of Documentation 1972).
    """
    names = [name for name in tables[0].kinds if all(name in one.kinds for one in tables)]
    pairs = [_pairs(one, names, _edges(tables, names)) for one in tables]
    vocabulary = pl.concat([one["token"] for one in pairs]).unique(maintain_order=True)
    known = pl.Enum(vocabulary)
    held = [
        _ones(
            one["row"].to_numpy(), one["token"].cast(known).to_physical().to_numpy(), len(table.index), len(vocabulary)
        )
        for table, one in zip(tables, pairs, strict=True)
    ]
    if weighting == "tf-idf":
        rarity = _rarity(held)
        held = [_unit_rows(one, rarity) for one in held]
    return FeatureMatrices(tuple(vocabulary), tuple(sealed(one) for one in held))


def _edges(tables: Sequence[Features], names: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Return by numeric column the values that part its tenths."""
    found = {}
    for name in names:
        if all(one.kinds[name] == "numeric" for one in tables):
            values = pl.concat([one.table[name].drop_nulls().cast(pl.Float64) for one in tables]).to_numpy()
            cuts = np.linspace(0, 1, _NUMERIC_BINS + 1)[1:-1]
            found[name] = np.quantile(values, cuts) if len(values) else np.zeros(0)
    return found


def _pairs(features: Features, names: Iterable[str], edges: dict[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Return the distinct (row, token) of these columns."""
    parts = [pl.DataFrame(schema={"row": pl.UInt32, "token": pl.String})]
    for name in names:
        held = pl.DataFrame({"value": features.table[name]}).with_row_index("row").drop_nulls()
        if name in edges:
            tenths = np.searchsorted(edges[name], held["value"].cast(pl.Float64).to_numpy())
            held = held.with_columns(value=pl.Series(tenths, dtype=pl.Int64))
        else:
            held = _split(held, features.kinds[name]).explode("value")
        token = pl.concat_str(pl.lit(f"{name}="), pl.col("value").cast(pl.String))
        words = held.filter(pl.col("value").cast(pl.String) != "")
        parts.append(words.select("row", token=token))
    return pl.concat(parts).unique(maintain_order=True)


def _split(held: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the table with a list of single values in each row."""
    if isinstance(held["value"].dtype, pl.List):
        return held
    text = pl.col("value").cast(pl.String)
    if kind == "text":
        return held.with_columns(value=text.str.to_lowercase().str.extract_all(r"\w+"))
    return held.with_columns(value=text.str.split("|") if kind == "multi-valued" else pl.concat_list(text))


def _ones(rows: NDArray[np.int64], columns: NDArray[np.int64], n_rows: int, n_columns: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_rows, n_columns))


def _rarity(matrices: Sequence[sparse.csr_matrix]) -> NDArray[np.float32]:
    described = sum(int((np.diff(one.indptr) > 0).sum()) for one in matrices)
    frequency = np.sum([np.bincount(one.indices, minlength=one.shape[1]) for one in matrices], axis=0)
    return np.asarray(np.log((1 + described) / (1 + frequency)), np.float32)


def _unit_rows(matrix: sparse.csr_matrix, weights: NDArray[np.float32]) -> sparse.csr_matrix:
    weighted = sparse.csr_matrix(matrix.multiply(weights))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    weighted.data /= np.maximum(np.repeat(lengths, np.diff(weighted.indptr)), 1e-12)
    weighted.eliminate_zeros()
    return weighted
