"""The cells of a table of feedback: each column brought to its one type, each value checked."""

from __future__ import annotations

import numpy as np
import polars as pl

from foretaste.data._index import as_ids
from foretaste.errors import DataError

_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"  # polars would also guess 01/02/2024, and guess wrong half of the time
_ISO_FORM = r"^\d{4}-\d{2}-\d{2}([T ][\d:.]+)?\s?(Z|[+-]\d{2}(:?\d{2})?)?$"
_ZONE = r":.*(Z|[+-]\d{2}(:?\d{2})?)$"
_PLAIN_NUMBER = r"^-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_KEPT_AS_TEXT = r"^[+-]?(0\d|\d{19})"  # as ids must come back as they went in, files are read so


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
    # one cell that polars does not read as a number makes text of all
    for odd, expected in (
        (~_numeric(column), "a number"),
        (~_read(column).is_finite(), "a finite number"),
        (column.str.contains(_KEPT_AS_TEXT), "a number without leading zeros, of at most 18 digits"),
        (~column.str.contains(_PLAIN_NUMBER), "a plain number such as 1.5"),
    ):
        if odd.any():
            raise _bad_cell(table, odd, name, names, origin, expected)
    raise _bad_cell(table, _numeric(column), name, names, origin, "a number")


def _numeric(column: pl.Series) -> pl.Series:
    """Say of each text whether it is a number; spaces around it are not what is wrong with a column."""
    return _read(column).is_not_null()


def _read(column: pl.Series) -> pl.Series:
    return column.str.strip_chars().cast(pl.Float64, strict=False)


def _seconds(table: pl.DataFrame, names: dict[str, str], origin: str) -> pl.Series:
    column = table["timestamp"]
    if column.dtype == pl.String:
        if _numeric(column).sum() > column.str.contains(_ISO_DATE).sum():
            return _number(table, "timestamp", names, origin)  # seconds, but for some that are none
        column = _dates(table, names, origin)
    if column.dtype in (pl.Date, pl.Datetime):
        return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    return _number(table, "timestamp", names, origin, "seconds or dates")


def _dates(table: pl.DataFrame, names: dict[str, str], origin: str) -> pl.Series:
    column = table["timestamp"]
    if column.str.contains(_ISO_DATE).all():
        dates = _parsed(column)
        if not dates.is_null().any():
            return dates
    expected = "seconds or ISO dates of one form (2024-05-31T12:00:00)"
    raise _bad_cell(table, _odd(column), "timestamp", names, origin, expected)


def _parsed(column: pl.Series) -> pl.Series:
    try:
        return column.str.to_datetime(strict=False)
    except pl.exceptions.PolarsError:  # no format fits the first of them
        return pl.Series([None], dtype=pl.Datetime).new_from_index(0, len(column))


def _odd(column: pl.Series) -> pl.Series:
    """Say which dates are to blame where not all can be read: the parser goes by the first, which may be odd."""
    malformed = ~column.str.contains(_ISO_FORM)
    zoned = column.str.contains(_ZONE)
    many = zoned if zoned.sum() * 2 > len(column) else ~zoned
    odd = malformed | ~many
    return odd | _parsed(column.set(odd, None)).is_null()


def _finite(table: pl.DataFrame, column: pl.Series, names: dict[str, str], origin: str) -> pl.Series:
    bad = ~column.is_finite()
    if bad.any():
        shown = table.with_columns(column)
        raise _bad_cell(shown, bad, column.name, names, origin, "a finite number")
    return column


def check_implicit(table: pl.DataFrame, names: dict[str, str], origin: str) -> None:
    """Raise DataError where a weight is negative, which only a rating may be, or where none is above 0."""
    negative = table["weight"] < 0
    if negative.any():
        expected = "0 or more for implicit feedback (set feedback: explicit if these are ratings)"
        raise _bad_cell(table, negative, "weight", names, origin, expected)
    if not (table["weight"] > 0).any():
        raise DataError(
            f"{origin}: {names['weight']} is 0 in every row, expected some above 0: nobody would prefer anything"
        )


def look_like_ratings(weights: pl.Series) -> bool:
    """Say whether weights are whole or half steps up to 5 or 10, and few of them 1, as most counts are."""
    steps = weights.unique().to_numpy()
    on_a_scale = len(steps) > 2 and steps.min() >= 0.5 and steps.max() in (5, 10) and bool((steps * 2 % 1 == 0).all())
    return on_a_scale and 2 * int((weights == 1).sum()) < len(weights)


def _bad_cell(
    table: pl.DataFrame, bad: pl.Series, name: str, names: dict[str, str], origin: str, expected: str
) -> DataError:
    rows = table.filter(bad)
    also = f"; {rows.height} such rows" if rows.height > 1 else ""
    return DataError(f"{origin}: row {rows['_row'][0]}: {names[name]} is {rows[name][0]!r}, expected {expected}{also}")
