"""Ids on one side, row numbers on the other: inside, foretaste works on rows; ids come back as they went in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from foretaste.errors import DataError

_FEW = 2_000  # up to here a dictionary look-up beats a join


class Index:
    """Distinct ids in a fixed order; the row of an id is its place.

    Ids are whole numbers (``Int64``) or strings, never both: ``7`` and ``"7"`` are different ids, and asking a
    string index for a number is an error rather than a miss.
    """

    def __init__(self, ids: pl.Series | Iterable[Any], kind: str = "id") -> None:
        self._ids = as_ids(ids, kind).clone()
        self.kind = kind
        if self._ids.n_unique() != len(self):
            raise DataError(f"{kind}: ids of an index must be distinct")

    @property
    def ids(self) -> pl.Series:
        """The ids in their order: a series of the caller's own, which shares memory until it is written to."""
        return self._ids.clone()

    def __len__(self) -> int:
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and (self is other or self._ids.equals(other._ids))

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return f"Index({len(self)} {self.kind}s)"

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {value: row for row, value in enumerate(self.ids.to_list())}

    def rows(self, ids: pl.Series | Iterable[Any]) -> NDArray[np.int64]:
        """Return the row of each id, -1 where it is unknown."""
        wanted = as_ids(ids, self.kind, like=self.ids.dtype)
        if len(wanted) <= _FEW:
            return np.fromiter((self._places.get(v, -1) for v in wanted.to_list()), np.int64, len(wanted))
        known = pl.DataFrame({"id": self.ids, "row": np.arange(len(self), dtype=np.int64)})
        found = wanted.rename("id").to_frame().join(known, on="id", how="left", maintain_order="left")
        return found["row"].fill_null(-1).to_numpy()

    def take(self, rows: NDArray[np.int64]) -> list[Any]:
        """Return the ids that stand in these rows."""
        return self.ids.gather(rows).to_list()

    def extended(self, ids: pl.Series) -> Index:
        """Return this index with the unknown ones among ``ids`` appended; known rows keep their place."""
        extra = as_ids(ids, self.kind, like=self.ids.dtype).unique(maintain_order=True)
        extra = extra.filter(pl.Series(self.rows(extra) < 0))
        return self if extra.is_empty() else Index(pl.concat([self.ids, extra]), self.kind)


def as_ids(values: pl.Series | Iterable[Any], kind: str, like: pl.DataType | None = None) -> pl.Series:
    """Return ids as an Int64 or String series; refuse anything else, and a type other than ``like``."""
    series = values if isinstance(values, pl.Series) else _series(values, kind)
    if series.null_count():
        raise DataError(f"{kind} ids: {series.null_count()} of {len(series)} are missing, expected none")
    if series.dtype.is_integer():
        series = _whole(series, kind)
    elif isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.is_empty() and like is not None:
        return series.cast(like)
    if series.dtype not in (pl.Int64, pl.String):
        hint = " (a missing id turns whole numbers into these)" if series.dtype.is_float() else ""
        raise DataError(f"{kind} ids: found {id_words(series.dtype)}{hint}, expected whole numbers or strings")
    if like is not None and series.dtype != like:
        raise DataError(f"{kind} ids: found {id_words(series.dtype)}, expected {id_words(like)}, as in the data")
    return series


def _whole(series: pl.Series, kind: str) -> pl.Series:
    whole = series.cast(pl.Int64, strict=False)
    if whole.null_count():
        raise DataError(f"{kind} ids: found {series.filter(whole.is_null())[0]}, expected 64-bit numbers or strings")
    return whole


def _series(values: Iterable[Any], kind: str) -> pl.Series:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(f"{kind} ids: found the single value {values!r}, expected a list of ids")
    plain = [v.item() if isinstance(v, np.generic) else v for v in values]
    types = {type(v).__name__ for v in plain}
    if len(types) > 1:
        raise DataError(f"{kind} ids: found mixed types ({', '.join(sorted(types))}), expected one")
    try:
        return pl.Series(plain) if plain else pl.Series(plain, dtype=pl.String)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{kind} ids: {error}") from error


def id_words(dtype: pl.DataType) -> str:
    """Return what a person would call ids of this type."""
    names = {
        pl.String: "strings",
        pl.Int64: "whole numbers",
        pl.Float32: "floating-point numbers",
        pl.Float64: "floating-point numbers",
        pl.Object: "mixed types",
    }
    return names.get(type(dtype), str(dtype))
