"""Which column of a table is which: named under ``columns:``, called by its canonical name, or by a known alias."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from foretaste.errors import DataError, did_you_mean

ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("user", "userid", "customer_id", "household_id", "reviewerid"),
    "item_id": ("item", "itemid", "product_id", "movie_id", "asin"),
    "weight": ("rating", "stars", "score", "count", "quantity"),
    "timestamp": ("datetime", "time", "date", "ts"),
    "split": (),
}


def find_columns(frame: pl.DataFrame, given: Mapping[str, str | None], origin: str) -> tuple[dict[str, str], list[str]]:
    """Return canonical name to the table's name, and a note for each alias that was recognised.

    Columns whose canonical names are not in ``given`` are not looked for. Raises DataError where a column is missing,
    stands twice, or could be one of several.
    """
    names: dict[str, str] = {}
    notes: list[str] = []
    for name in given:
        mapped = given[name]
        found = _recognise(name, frame, origin) if mapped is None else mapped
        if found is None:
            continue
        require_column(frame, found, origin if mapped is None else f"{origin}: columns.{name}")
        names[name] = found
        if mapped is None and found != name:
            notes.append(f"column '{found}' read as {name}")
    for name in ("user_id", "item_id"):
        if name not in names:
            raise DataError(
                f"{origin}: no column '{name}'; found {', '.join(frame.columns)}"
                f"{did_you_mean(name, frame.columns)}; name it under columns:"
            )
    for first, found in names.items():
        for second in names:
            if first < second and names[second] == found:
                raise DataError(f"{origin}: column '{found}' is named for both {first} and {second}, expected for one")
    return names, notes


def require_column(frame: pl.DataFrame, name: str, origin: str) -> None:
    """Raise DataError unless the table has exactly one column of this name."""
    if name not in frame.columns:
        raise DataError(
            f"{origin}: no column '{name}'; found {', '.join(frame.columns)}{did_you_mean(name, frame.columns)}"
        )
    if f"{name}_duplicated_0" in frame.columns:  # so polars calls the second column of one name in a file
        raise DataError(f"{origin}: column '{name}' stands more than once, expected one")


def _recognise(name: str, frame: pl.DataFrame, origin: str) -> str | None:
    for candidates in ((name,), ALIASES[name]):
        found = [column for column in frame.columns if column.lower() in candidates]
        if len(found) > 1 and f"{found[0]}_duplicated_0" not in frame.columns:
            raise DataError(
                f"{origin}: columns {', '.join(map(repr, found))} all read as {name}; name one under columns:"
            )
        if found:
            return found[0]
    return None
