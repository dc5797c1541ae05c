"""Links: who is who, and what is what, across a source and a target."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from foretaste.data._columns import require_column
from foretaste.data._index import Index, id_words
from foretaste.data._readers import read_table
from foretaste.errors import DataError


def read_links(path: Path) -> pl.DataFrame:
    """Read a link table: ``from_id, to_id[, weight]``, weights positive; raises DataError."""
    return check_links(read_table(path), str(path))


def check_links(table: pl.DataFrame, origin: str) -> pl.DataFrame:
    """Return the table if each row links two ids once, with a positive weight if there is one; else DataError."""
    for name in ("from_id", "to_id"):
        require_column(table, name, origin)
    rows = table.with_row_index("_row", offset=1)
    for name in ("from_id", "to_id"):
        missing = rows.filter(pl.col(name).is_null())
        if missing.height:
            raise DataError(f"{origin}: row {missing['_row'][0]}: {name} is missing, expected an id in every row")
    repeated = rows.filter(pl.struct("from_id", "to_id").is_duplicated())
    if repeated.height:
        raise DataError(f"{origin}: row {repeated['_row'][0]}: this from_id and to_id stand in more than one row")
    if "weight" in table.columns:
        weight = pl.col("weight").cast(pl.Float32, strict=False)  # 1e-50 is 0 in it, and 1e50 infinite
        bad = rows.filter(~((weight > 0) & weight.is_finite()).fill_null(False))
        if bad.height or not table["weight"].dtype.is_numeric():
            row, value = (bad if bad.height else rows).select("_row", "weight").row(0)
            held = isinstance(value, float) and 0 < value < math.inf
            expected = "a positive number of 32-bit floating point" if held else "a positive number"
            raise DataError(f"{origin}: row {row}: weight is {value!r}, expected {expected}")
    return table


def link_matrix(here: Index, there: Index, table: pl.DataFrame, place: str) -> tuple[sparse.csr_matrix, int]:
    """Return the links as a matrix (source rows, target rows) float32, and how many name an id of neither side."""
    rows = _rows(here, table["from_id"], f"{place}: links: from_id")
    columns = _rows(there, table["to_id"], f"{place}: links: to_id")
    weights = table["weight"].to_numpy() if "weight" in table.columns else np.ones(table.height)
    known = (rows >= 0) & (columns >= 0)
    if not known.any():
        raise DataError(
            f"{place}: none of {table.height} links joins known {here.kind}s; from_id is an id of the source, to_id"
            f" one of the target: found {table['from_id'][0]!r} and {table['to_id'][0]!r}, where {here.kind}s are"
            f" called {here.ids[0]!r} and {there.ids[0]!r}"
        )
    data = (weights[known].astype(np.float32), (rows[known], columns[known]))
    return sparse.csr_matrix(data, shape=(len(here), len(there))), int((~known).sum())


def shared_matrix(here: Index, there: Index, place: str) -> sparse.csr_matrix:
    """Return a link of weight 1 for each id that stands on both sides."""
    refuse_other_type(here, there, place)
    columns = there.rows(here.ids)
    rows = np.flatnonzero(columns >= 0)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns[rows])), shape=(len(here), len(there)))


def with_linked(users: Index, source: Index, table: pl.DataFrame | None, place: str) -> Index:
    """Return the target's users and, after them, those of the source's people who are linked (no table: shared)."""
    if table is None:
        refuse_other_type(source, users, place)
        return users.extended(source.ids)
    known = pl.Series(_rows(source, table["from_id"], f"{place}: links: from_id") >= 0, dtype=pl.Boolean)
    try:
        return users.extended(table["to_id"].filter(known))
    except DataError as error:
        raise DataError(f"{place}: links: to_id: {error}") from error


def refuse_other_type(here: Index, there: Index, place: str) -> None:
    """Raise DataError where ids are whole numbers on one side and strings on the other."""
    if here.ids.dtype != there.ids.dtype:
        raise DataError(
            f"{place}: {here.kind}s are declared shared, but {here.kind} ids are {id_words(here.ids.dtype)} in the"
            f" source and {id_words(there.ids.dtype)} in the target, expected one type; write one of the"
            " tables anew, or join them by links"
        )


def _rows(index: Index, ids: pl.Series, place: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    try:
        return index.rows(ids)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
