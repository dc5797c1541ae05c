"""What is known about the people or items of a domain besides their interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import polars.selectors as cs

from foretaste.data._columns import require_column
from foretaste.data._index import Index
from foretaste.errors import DataError

FeatureKind = Literal["categorical", "multi-valued", "text", "numeric"]
_SEPARATOR = "|"
_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True, eq=False)
class Features:
    """A table with one row per id of ``index``; ids without a row hold nulls.

    ``kinds`` says how each column is read: *categorical* (one value), *multi-valued* (a list, or text with values
    between bars), *text* or *numeric*. ``missing`` counts the nulls of each column.
    """

    index: Index
    table: pl.DataFrame
    kinds: dict[str, FeatureKind]

    @property
    def missing(self) -> dict[str, int]:
        """Column name to the number of ids without a value."""
        return {name: self.table[name].null_count() for name in self.kinds}

    @classmethod
    def from_frame(
        cls, frame: pl.DataFrame, index: Index, key: str, kinds: dict[str, FeatureKind], origin: str
    ) -> Features:
        """Align a table to an index by its ``key`` column.

        Kinds that are not given are guessed: numbers are numeric, lists and text with bars are multi-valued, other
        text is categorical. Rows of ids that the domain does not have are left out.
        """
        for name in (key, *kinds):
            require_column(frame, name, origin)
        if key in kinds:
            raise DataError(f"{origin}: kinds: '{key}' is the id of each row, expected only columns of features")
        if frame.width == 1:
            raise DataError(f"{origin}: found no column but '{key}', expected one for each feature")
        try:
            rows = index.rows(frame[key])
        except DataError as error:
            raise DataError(f"{origin}: column '{key}': {error}") from error
        known = rows >= 0
        if not known.any():
            raise DataError(f"{origin}: none of {len(rows)} ids in '{key}' is in the domain, expected some of them")
        repeated = np.flatnonzero(np.bincount(rows[known]) > 1)
        if len(repeated):
            raise DataError(
                f"{origin}: {key} {index.take(repeated[:1])[0]!r} stands in more than one row, expected one"
            )
        where = np.full(len(index), -1)
        where[rows[known]] = np.flatnonzero(known)
        places = pl.Series(where, dtype=pl.Int64)
        nan_is_missing = cs.float().fill_nan(None)
        # a place that is null brings a row of nulls
        table = frame.drop(key).with_columns(nan_is_missing).select(pl.all().gather(places.set(places < 0, None)))
        return cls(index, table, {name: _kind(table[name], kinds.get(name), origin) for name in table.columns})

    def for_index(self, index: Index) -> Features:
        """Return the same features over another index; ids that this one does not have hold nulls."""
        found = pl.Series(self.index.rows(index.ids), dtype=pl.Int64)
        places = found.set(found < 0, None)
        return Features(index, self.table.select(pl.all().gather(places)), self.kinds)


def _kind(column: pl.Series, given: FeatureKind | None, origin: str) -> FeatureKind:
    if given is None:
        return _guess(column)
    text, number = column.dtype in _TEXT, column.dtype.is_numeric() or column.dtype == pl.Boolean
    fits = {"numeric": number, "text": text, "multi-valued": text or isinstance(column.dtype, pl.List)}
    if not fits.get(given, True):
        raise DataError(f"{origin}: column '{column.name}': found {column.dtype}, expected values to read as {given}")
    return given


def _guess(column: pl.Series) -> FeatureKind:
    if column.dtype.is_numeric():
        return "numeric"
    if isinstance(column.dtype, pl.List):
        return "multi-valued"
    if column.dtype == pl.String and column.str.contains(_SEPARATOR, literal=True).any():
        return "multi-valued"
    return "categorical"
