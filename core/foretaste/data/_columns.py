"""Which column of a table is which: named under ``columns:``, called by its canonical name, or by a known alias."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

import polars as pl

from foretaste.errors import DataError, did_you_mean

ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("user", "userid", "customer_id", "household_id", "reviewerid"),
    "item_id": ("item", "itemid", "product_id", "movie_id", "asin"),
    "weight": ("rating", "stars", "score", "count", "quantity"),
    "timestamp": ("datetime", "time", "date", "ts"),
    "split": (),
}
_EXAMPLES = {"user_id": "customer", "item_id": "product", "weight": "points", "timestamp": "visit", "split": "part"}


def find_columns(frame: pl.DataFrame, given: Mapping[str, str | None], origin: str) -> tuple[dict[str, str], list[str]]:
    """Return canonical name to the table's name, and notes: of recognised aliases, and of columns called almost so.

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
    notes += [
        f"column '{near}' left aside: if it holds what {name} stands for, name it, as in {naming(name, near)}"
        for name in given
        if name not in names and (near := _near(name, names, frame))
    ]
    for name in ("user_id", "item_id"):
        if name not in names:
            raise missing_column(frame, name, names, origin)
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


def missing_column(frame: pl.DataFrame, name: str, names: Mapping[str, str], origin: str) -> DataError:
    """Return the error for a canonical column that is needed and not among the recognised ``names``."""
    near = _near(name, names, frame) or next(iter(get_close_matches(name, frame.columns, n=1)), None)
    meant = f"; did you mean '{near}'?" if near else ""
    return DataError(
        f"{origin}: no column '{name}'; found {', '.join(frame.columns)}{meant}"
        f"; name it, as in {naming(name, near or _EXAMPLES[name])}"
    )


def naming(name: str, column: str) -> str:
    """Return how experiment.yaml says which column is which: ``columns: {user_id: customer}``."""
    plain = re.fullmatch(r"[^\W\d][\w.-]*", column)
    return f"columns: {{{name}: {column if plain else repr(column)}}}"


def _recognise(name: str, frame: pl.DataFrame, origin: str) -> str | None:
    for candidates in ((name,), ALIASES[name]):
        found = [column for column in frame.columns if column.lower() in candidates]
        if len(found) > 1 and f"{found[0]}_duplicated_0" not in frame.columns:
            raise DataError(
                f"{origin}: columns {', '.join(map(repr, found))} all read as {name};"
                f" name one, as in {naming(name, found[0])}"
            )
        if found:
            return found[0]
    return None


def _near(name: str, names: Mapping[str, str], frame: pl.DataFrame) -> str | None:
    """Return the column that is left over and called almost like a canonical name or an alias of it."""
    left = {_letters(column): column for column in frame.columns if column not in names.values()}
    known = [_letters(one) for one in (name, *ALIASES[name])]
    for one in known:
        if one in left:
            return left[one]
    # a letter makes another word of a short one: stores are no scores, nor are countries counts
    long = [one for one in known if len(one) >= 6]
    return next((left[near[0]] for one in long if (near := get_close_matches(one, left, n=1, cutoff=0.82))), None)


def _letters(text: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", text.lower())
    return letters.removesuffix("s") if len(letters) > 3 else letters
