"""The cells of a table of feedback: each column brought to its one type, each value checked."""

from __future__ import annotations

import numpy as np
import polars as pl

from foretaste.data._index import as_ids
from foretaste.errors import DataError

_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"  # polars would also guess 01/02/2024, and guess wrong half of the time


def typed(table: pl.DataFrame, names: dict[str, str], origin: str) -> pl.DataFrame:
    """Return ids as Int64 or String, weight and timestamp as finite Float64, split as String.

    ``table`` has canonical columns and ``_row``; ``names`` says what the user calls them. Raises DataError.
    """
    columns = []
    for name, kind in (("user_id", "user"), ("item_id", "item")):
        try:
            columns.append(as_ids(table[name], kind).alias(name))
        except DataError as error:
            raise DataError(f"{origin}: column '{names[name]}': {error}") from error
    if "weight" in table.columns:
        columns.append(_finite(table, _number(table, "weight", names, origin), names, origin))
    else:
        columns.append(pl.Series("weight", np.ones(table.height, np.float64)))
    if "timestamp" in table.columns:
        columns.append(_finite(table, _seconds(table, names, origin), names, origin))
    if "split" in table.columns:
        columns.append(table["split"].cast(pl.String))
    return table.with_columns(columns)


def _number(table: pl.DataFrame, name: str, names: dict[str, str], origin: str, expected: str = "numbers") -> pl.Series:
    column = table[name]
    if column.dtype.is_numeric() or (column.dtype == pl.Boolean and name == "weight"):
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        raise DataError(f"{origin}: column '{names[name]}': found {column.dtype}, expected {expected}")
    unreadable = column.cast(pl.Float64, strict=False).is_null()
    raise _bad_cell(table, unreadable if unreadable.any() else ~unreadable, name, names, origin, "a number")


def _seconds(table: pl.DataFrame, names: dict[str, str], origin: str) -> pl.Series:
    column = table["timestamp"]
    if column.dtype == pl.String:
        column = _dates(table, names, origin)
    if column.dtype in (pl.Date, pl.Datetime):
        return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    return _number(table, "timestamp", names, origin, "seconds or dates")


def _dates(table: pl.DataFrame, names: dict[str, str], origin: str) -> pl.Series:
    column = table["timestamp"]
    bad = ~column.str.contains(_ISO_DATE)
    if not bad.any():
        try:
            dates = column.str.to_datetime(strict=False)
        except pl.exceptions.PolarsError:  # no format fits the first of them
            dates = pl.Series([None], dtype=pl.Datetime).new_from_index(0, len(column))
        bad = dates.is_null()
        if not bad.any():
            return dates
    raise _bad_cell(table, bad, "timestamp", names, origin, "seconds or ISO dates of one form (2024-05-31T12:00:00)")


def _finite(table: pl.DataFrame, column: pl.Series, names: dict[str, str], origin: str) -> pl.Series:
    bad = ~column.is_finite()
    if bad.any():
        shown = table.with_columns(column)
        raise _bad_cell(shown, bad, column.name, names, origin, "a finite number")
    return column


def check_implicit(table: pl.DataFrame, names: dict[str, str], origin: str) -> None:
    """Raise DataError where a weight is negative, which only a rating may be."""
    negative = table["weight"] < 0
    if negative.any():
        expected = "0 or more for implicit feedback (set feedback: explicit if these are ratings)"
        raise _bad_cell(table, negative, "weight", names, origin, expected)


def _bad_cell(
    table: pl.DataFrame, bad: pl.Series, name: str, names: dict[str, str], origin: str, expected: str
) -> DataError:
    rows = table.filter(bad)
    also = f"; {rows.height} such rows" if rows.height > 1 else ""
    return DataError(f"{origin}: row {rows['_row'][0]}: {names[name]} is {rows[name][0]!r}, expected {expected}{also}")
