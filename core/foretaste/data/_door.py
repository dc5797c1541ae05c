"""The door: a table comes in, validated interactions and a list of what was done to it go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from foretaste.data._columns import find_columns, missing_column
from foretaste.data._frozen import sealed
from foretaste.data._index import Index
from foretaste.data._interactions import Feedback, Interactions
from foretaste.data._spec import DomainSpec
from foretaste.data._values import check_implicit, look_like_ratings, typed
from foretaste.errors import DataError

_RATING_NAMES = {"rating", "stars"}
_USUAL = {"explicit": "last", "implicit": "sum"}  # the newest rating counts, but every purchase does


@dataclass(frozen=True)
class Entered:
    """What came through the door, and what was done to it (``notes``, each with its count)."""

    interactions: Interactions
    notes: tuple[str, ...]


def enter(frame: pl.DataFrame, spec: DomainSpec, origin: str) -> Entered:
    """Validate a table of feedback; see DomainSpec for the policies. Rows are counted from 1, without the header.

    Raises DataError naming ``origin``, the column or row, what was found and what was expected.
    """
    names, notes = find_columns(frame, spec.columns.model_dump(), origin)
    feedback = _feedback(spec, names, origin)
    if feedback.kind == "explicit" and "weight" not in names:
        raise missing_column(frame, "weight", names, f"{origin}: explicit feedback needs ratings")
    table = frame.select([pl.col(found).alias(name) for name, found in names.items()]).with_row_index("_row", offset=1)
    if table.is_empty():
        raise DataError(f"{origin}: the table has no rows, expected one for each user and item")
    table = _drop_missing(table, names, spec, origin, notes)
    if table.is_empty():
        raise DataError(f"{origin}: the domain is empty: no rows left of {frame.height} ({'; '.join(notes)})")
    table = typed(table, names, origin)
    if feedback.kind == "implicit":
        check_implicit(table, names, origin)
        if spec.feedback == "auto" and look_like_ratings(table["weight"]):
            notes.append(
                f"{names['weight']} looks like ratings, and is read as strengths, of which each is a preference:"
                " set feedback: explicit if these are ratings, else implicit"
            )
    elif not (table["weight"] >= feedback.positive_min).any():
        column = names["weight"]
        notes.append(f"no {column} reaches {feedback.positive_min:g} (positive.min): nothing counts as preferred")
    users, items = (
        Index(table[name].unique().sort(), kind) for name, kind in (("user_id", "user"), ("item_id", "item"))
    )
    # rows instead of ids from here on: a table of numbers takes a third of the memory and time of one of strings
    table = table.with_columns(_places(table["user_id"], users), _places(table["item_id"], items))
    table = _merge_duplicates(table, spec.duplicates or _USUAL[feedback.kind], users, items, origin, notes)
    return Entered(_interactions(table, users, items, feedback, origin), tuple(notes))


def _feedback(spec: DomainSpec, names: dict[str, str], origin: str) -> Feedback:
    kind = spec.feedback
    if kind == "auto":
        kind = "explicit" if names.get("weight", "").lower() in _RATING_NAMES else "implicit"
    if kind == "implicit" and "positive" in spec.model_fields_set:
        raise DataError(
            f"{origin}: positive is about ratings, and {names.get('weight', 'each row')} is read as a strength:"
            " set feedback: explicit, or leave positive out"
        )
    return Feedback(kind, spec.positive.min, spec.weighting)


def _drop_missing(
    table: pl.DataFrame, names: dict[str, str], spec: DomainSpec, origin: str, notes: list[str]
) -> pl.DataFrame:
    for name, found in names.items():
        missing = table[name].is_null()
        if not missing.any():
            continue
        if spec.missing == "error":
            row, also = table.filter(missing)["_row"][0], f"; {missing.sum()} such rows" if missing.sum() > 1 else ""
            raise DataError(
                f"{origin}: row {row}: {found} is missing, expected a value in every row{also}"
                " (set missing: drop to leave such rows out)"
            )
        notes.append(f"{missing.sum()} rows without {found} dropped")
        table = table.filter(~missing)
    return table


def _merge_duplicates(
    table: pl.DataFrame, policy: str, users: Index, items: Index, origin: str, notes: list[str]
) -> pl.DataFrame:
    if "timestamp" in table.columns:
        table = table.sort("timestamp", maintain_order=True)
    table = table.with_columns((pl.col("user_id") * len(items) + pl.col("item_id")).alias("_pair"))
    # the newest row of each user and item stays, so that a hold-out by time hides the newest event
    newest = table["_pair"].is_last_distinct()
    extra = table.height - int(newest.sum())
    if not extra:
        return table
    repeated = table.filter(table["_pair"].is_duplicated())
    if policy == "error":
        row, user, item = repeated.sort("_row").select("_row", "user_id", "item_id").row(0)
        raise DataError(
            f"{origin}: row {row}: user {users.ids[user]!r} and item {items.ids[item]!r} stand in more than one row,"
            f" expected one; {extra} rows too many (set duplicates: sum, last or max to merge them)"
        )
    table = table.filter(newest)
    # a row that is hidden must not tell its weight to one that is learnt from
    same = ["_pair", "split"] if "split" in table.columns else ["_pair"]
    together = repeated.join(table.select(same), on=same, how="semi")
    left_out = repeated.height - together.height
    if merged := extra - left_out:
        notes.append(f"{merged} repeated rows of one user and item merged ({policy})")
    if left_out:
        notes.append(f"{left_out} rows whose user and item also stand in a newer row of another split left out")
    if policy == "last":
        return table
    weight = pl.col("weight").sum() if policy == "sum" else pl.col("weight").max()
    weights = together.group_by("_pair").agg(weight.alias("_merged"))
    table = table.join(weights, on="_pair", how="left", maintain_order="left")
    return table.with_columns(pl.coalesce("_merged", "weight").alias("weight"))


def _interactions(table: pl.DataFrame, users: Index, items: Index, feedback: Feedback, origin: str) -> Interactions:
    weights = table["weight"].to_numpy()
    largest, limit = np.abs(weights).max(), np.finfo(np.float32).max
    if largest > limit:
        row = table["_row"][int(np.abs(weights).argmax())]
        raise DataError(
            f"{origin}: row {row}: weight is {largest:.3g}, expected at most {limit:.3g} (32-bit floating point)"
        )
    return Interactions(
        users,
        items,
        sealed(table["user_id"].to_numpy().astype(np.int64)),
        sealed(table["item_id"].to_numpy().astype(np.int64)),
        sealed(weights.astype(np.float32)),
        sealed(table["timestamp"].to_numpy().astype(np.float64)) if "timestamp" in table.columns else None,
        sealed(table["split"].to_numpy().astype(object)) if "split" in table.columns else None,
        feedback,
    )


def _places(column: pl.Series, index: Index) -> pl.Series:
    # casting to an Enum of the sorted ids is 5-10 times faster than a join or np.unique on strings
    if column.dtype == pl.String:
        return column.cast(pl.Enum(index.ids)).to_physical().cast(pl.Int64)
    return pl.Series(column.name, np.searchsorted(index.ids.to_numpy(), column.to_numpy()).astype(np.int64))
