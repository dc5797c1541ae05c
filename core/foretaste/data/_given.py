"""What a given hold-out brings along in files: rows of the target, and the only items to rank for each person.

Rows of files are joined to the target's table under the name of a split, so that from there on they are like the rows
of a table with a split column. This happens before a target is paired: people who are only tested may be linked, and
items that are only tested belong to the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data._columns import find_columns
from foretaste.data._domain import Domain
from foretaste.data._door import enter
from foretaste.data._features import Features
from foretaste.data._frozen import sealed
from foretaste.data._index import Index
from foretaste.data._interactions import Interactions
from foretaste.data._readers import read_table
from foretaste.data._spec import DomainSpec
from foretaste.errors import DataError

_ELSE = ""  # the split of rows that no name was given to


def with_given(
    domain: Domain,
    spec: DomainSpec,
    folder: Path,
    *,
    files: Mapping[str, str],
    candidates: str | None = None,
    test: str = "test",
) -> Domain:
    """Return the target with the rows of ``files`` (split name to path), and with its lists of candidates.

    ``spec`` is how the target's own table is read; paths are relative to ``folder``. A user and item that stand in
    several places count once, in the place that ``files`` names last. ``notes`` of the domain say all that was done.
    Raises DataError naming the file.
    """
    if files:
        domain = _with_rows(domain, spec, {split: folder / path for split, path in files.items()})
    if candidates is not None:
        domain = _with_candidates(domain, spec, folder / candidates, test)
    if spec.kind in ("file", "sql"):
        return domain.with_features(spec, folder)
    users, items = domain.interactions.users, domain.interactions.items
    return replace(
        domain,
        user_features=_lengthened(domain.user_features, users),
        item_features=_lengthened(domain.item_features, items),
    )


def _lengthened(features: Features | None, index: Index) -> Features | None:
    return None if features is None else features.for_index(index)


# Rows ----------------------------------------------------------------------------------------------------------


def _with_rows(domain: Domain, spec: DomainSpec, files: Mapping[str, Path]) -> Domain:
    table = domain.interactions
    users, items = table.users, table.items
    named, notes = [(domain.name, table)], []  # files in two folders may have one name
    splits = [np.full(len(table), _ELSE, object) if table.splits is None else table.splits]
    for split, path in files.items():
        rows, done = _hidden(path, spec, domain)
        users, items = _extended(users, rows.users.ids, path), _extended(items, rows.items.ids, path)
        people = int((table.users.rows(rows.users.ids) < 0).sum())
        things = int((table.items.rows(rows.items.ids) < 0).sum())
        joined = f"{len(rows)} rows joined as {split} rows; {people} users and {things} items are not in the table"
        notes += [f"{path.name}: {note}" for note in (*done, joined)]
        named.append((path.name, rows))
        splits.append(np.full(len(rows), split, object))
    timeless = [name for name, rows in named if rows.times is None]
    if 0 < len(timeless) < len(named):
        notes.append(f"no timestamps in {', '.join(timeless)}: those of the others left out")
    parts = [rows for _, rows in named]
    together = _joined(parts, users, items, np.concatenate(splits), with_times=not timeless)
    kept = _once(together, list(files), notes)
    return replace(domain.with_interactions(kept), notes=(*domain.notes, *notes))


def _hidden(path: Path, spec: DomainSpec, domain: Domain) -> tuple[Interactions, tuple[str, ...]]:
    """Read a file as the table was read, without a split; times may be missing, weights too where none are ratings."""
    frame = read_table(path)
    named = spec.columns.model_dump()
    kind = domain.interactions.feedback.kind
    optional = {"timestamp"} if kind == "explicit" else {"timestamp", "weight"}
    lacking = {name for name in optional if named[name] not in frame.columns}
    columns = spec.columns.model_copy(update=dict.fromkeys({"split", *lacking}))
    entered = enter(frame, spec.model_copy(update={"columns": columns, "feedback": kind}), str(path))
    return entered.interactions, entered.notes


def _extended(index: Index, ids: pl.Series, path: Path) -> Index:
    try:
        return index.extended(ids)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _joined(
    parts: list[Interactions], users: Index, items: Index, splits: NDArray[np.object_], *, with_times: bool
) -> Interactions:
    return replace(
        parts[0],
        users=users,
        items=items,
        user_rows=np.concatenate([users.rows(part.users.ids)[part.user_rows] for part in parts]),
        item_rows=np.concatenate([items.rows(part.items.ids)[part.item_rows] for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        times=np.concatenate([part.times for part in parts if part.times is not None]) if with_times else None,
        splits=splits,
    )


def _once(rows: Interactions, names: list[str], notes: list[str]) -> Interactions:
    """Return rows with each user and item once: of several, the one whose split stands last among ``names``."""
    assert rows.splits is not None
    rank = np.zeros(len(rows), np.int64)
    for place, name in enumerate(names, start=1):
        rank[rows.splits == name] = place
    cells = rows.user_rows * len(rows.items) + rows.item_rows
    order = np.lexsort((rank, cells))
    last = np.append(np.diff(cells[order]) != 0, True)
    winner = order[last][np.cumsum(last) - last]  # of each ordered row: the one that stays
    for place, name in enumerate(names, start=1):
        extra = int((~last & (rank[winner] == place)).sum())
        if extra:
            notes.append(f"{extra} rows whose user and item also stand in a {name} row left out: they are {name} rows")
    return rows.take(np.sort(order[last]))


# Candidates ----------------------------------------------------------------------------------------------------


def _with_candidates(domain: Domain, spec: DomainSpec, path: Path, test: str) -> Domain:
    rows = domain.interactions
    asked = np.zeros(len(rows), bool) if rows.splits is None else (rows.splits == test) & rows.preferred
    people = np.unique(rows.user_rows[asked])
    if not len(people):  # the hold-out says what is missing
        return domain
    table = _candidate_table(path, spec)
    user_rows = _rows(rows.users, table["user_id"], path)
    mine = np.isin(user_rows, people)
    listed = table.filter(pl.Series(mine))
    items = _extended(rows.items, listed["item_id"], path)
    places = (user_rows[mine], items.rows(listed["item_id"]))
    candidates = sparse.csr_matrix((np.ones(len(listed), np.float32), places), shape=(len(rows.users), len(items)))
    repeated = len(listed) - candidates.nnz
    candidates.data[:] = 1
    candidates.sort_indices()
    length = np.diff(candidates.indptr)[people]
    if not length.all():
        first = rows.users.take(people[length == 0][:1])[0]
        raise DataError(
            f"{path}: {int((length == 0).sum())} of {len(people)} people with preferred {test} rows have no candidates"
            f" (the first is {first!r}), expected a list for each"
        )
    answers = np.asarray(candidates[rows.user_rows[asked], rows.item_rows[asked]]).ravel()
    others = table.filter(pl.Series(~mine))["user_id"].n_unique()
    counts = {
        f"{repeated} repeated candidates merged": repeated,
        f"lists of {others} users without preferred {test} rows left out": others,
        f"{len(items) - len(rows.items)} items have no row, neither in training nor in the test": len(items)
        - len(rows.items),
        f"{int((answers == 0).sum())} of {len(answers)} preferred {test} rows are not among their person's candidates:"
        " they are misses": int((answers == 0).sum()),
    }
    notes = [
        f"ranked among given candidates, {np.median(length):g} per person (median), not over the full catalogue",
        *(f"{path.name}: {note}" for note, count in counts.items() if count),
    ]
    wider = domain.with_interactions(replace(rows, items=items))
    return replace(wider, candidates=sealed(candidates), notes=(*domain.notes, *notes))


def _candidate_table(path: Path, spec: DomainSpec) -> pl.DataFrame:
    frame = read_table(path)
    columns = {"user_id": spec.columns.user_id, "item_id": spec.columns.item_id}
    found, _ = find_columns(frame, columns, str(path))
    table = frame.select(pl.col(column).alias(name) for name, column in found.items())
    if table.is_empty():
        raise DataError(f"{path}: the table has no rows, expected one for each person and item to rank")
    for name, column in found.items():
        missing = table[name].is_null()
        if missing.any():
            row = int(missing.arg_max() or 0) + 1
            raise DataError(f"{path}: row {row}: {column} is missing, expected an id in every row")
    return table


def _rows(index: Index, ids: pl.Series, path: Path) -> NDArray[np.int64]:
    try:
        return index.rows(ids)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
