"""New rows in counts and histories: people who brought them are counted again, everybody else stays as counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DataError, Domain, HistoryModel, Index, Roster
from foretaste_linear._binary import binary
from foretaste_linear._counts import People, counted
from foretaste_linear._evidence import Evidence, described
from foretaste_linear._kept import Kept

_KNOWN, _NEWCOMER, _POPULAR = 0, 1, 3  # as in Roster.paths


@dataclass(frozen=True, eq=False)
class Updated:
    """What a recommender is made of, after new rows."""

    kept: Kept
    roster: Roster
    evidence: dict[str, Evidence]


def updated(kept: Kept, model: HistoryModel, rows: Sequence[Domain]) -> Updated:
    """Add rows, of people by the target's ids. DataError where counts, recommender and rows do not fit."""
    old = _evidence(kept, model)
    for domain in rows:
        _check(domain, kept, model.roster)
    users, items = model.roster.users, {name: one.items for name, one in old.items()}
    for domain in rows:
        users = users.extended(domain.interactions.users.ids)
        items[domain.name] = items[domain.name].extended(domain.interactions.items.ids)
    before = {name: Evidence(items[name], _sized(one.histories, users, items[name])) for name, one in old.items()}
    after, touched = dict(before), np.zeros(len(users), bool)
    seen = _sized(model.roster.seen, users, items[kept.target])
    for domain in rows:
        brought = _brought(domain, users, items[domain.name])
        touched[np.diff(brought.seen.indptr) > 0] = True
        after[domain.name] = Evidence(items[domain.name], brought.added_to(after[domain.name].histories))
        if domain.name == kept.target:
            seen = binary(sparse.csr_matrix(seen + brought.seen))
    roster = replace(
        model.roster,
        users=users,
        items=items[kept.target],
        popularity=_people(after[kept.target].histories),
        paths=_paths(seen, after),
        seen=seen,
    )
    return Updated(_recounted(kept, before, after, np.flatnonzero(touched)), roster, after)


@dataclass(frozen=True, eq=False)
class Brought:
    """New rows of a domain (people, items), as ones: all, and those that are preferences; ``rated`` rows replace."""

    seen: sparse.csr_matrix
    preferred: sparse.csr_matrix
    rated: bool

    def added_to(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return the histories with these rows; the last rating counts."""
        if self.rated:
            histories = sparse.csr_matrix(histories - histories.multiply(self.seen))
        whole = sparse.csr_matrix(histories + self.preferred)
        whole.eliminate_zeros()
        return binary(whole)


def _brought(domain: Domain, users: Index, items: Index) -> Brought:
    rows = domain.interactions
    where = users.rows(rows.users.ids)[rows.user_rows], items.rows(rows.items.ids)[rows.item_rows]

    def ones(keep: NDArray[np.bool_]) -> sparse.csr_matrix:
        places = where[0][keep], where[1][keep]
        return sparse.csr_matrix((np.ones(len(places[0]), np.float32), places), shape=(len(users), len(items)))

    return Brought(ones(np.ones(len(rows), bool)), ones(rows.preferred), rows.feedback.kind == "explicit")


def _recounted(
    kept: Kept, before: Mapping[str, Evidence], after: Mapping[str, Evidence], people: NDArray[np.int64]
) -> Kept:
    """Return the counts without what these people had, and with what they have now."""
    target = kept.target
    was, now = before[target].histories[people], after[target].histories[people]
    counts = {}
    for name, one in after.items():
        had, has = (was, now) if name == target else (before[name].histories[people], one.histories[people])
        change = counted([People(has, now), People(had, was, -1.0)]).together
        counts[name] = sparse.csr_matrix(_sized(kept.counts[name], one.items, after[target].items) + change)
        counts[name].eliminate_zeros()
    preferring = np.zeros(now.shape[1])
    preferring[: len(kept.people)] = kept.people
    links = {name: _sized(one, kept.items[name], after[target].items) for name, one in kept.links.items()}
    items = {**kept.items} | {name: one.items for name, one in after.items()}
    return replace(kept, people=preferring + _people(now) - _people(was), counts=counts, links=links, items=items)


def _paths(seen: sparse.csr_matrix, evidence: Mapping[str, Evidence]) -> NDArray[np.uint8]:
    paths = np.where(described(evidence), _NEWCOMER, _POPULAR)
    paths[np.diff(seen.indptr) > 0] = _KNOWN
    return paths.astype(np.uint8)


def _people(histories: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.bincount(histories.indices, minlength=histories.shape[1]).astype(np.float64)


def _sized(matrix: sparse.csr_matrix, rows: Index, columns: Index) -> sparse.csr_matrix:
    """Return a copy that has room for new rows and columns, after the others."""
    found = sparse.csr_matrix(matrix, copy=True)
    found.resize(len(rows), len(columns))
    return found


def _evidence(kept: Kept, model: HistoryModel) -> dict[str, Evidence]:
    """Return by side what the recommender knows of its people."""
    found = {}
    for name in kept.counts:
        side = model.sides.get(name)
        if side is None or side.items != kept.items[name]:
            raise DataError(f"counts of '{name}': the recommender was not made from them, nor from equal data")
        if side.histories is None or model.roster.seen is None:
            raise DataError(
                f"{model.roster.target}: an update needs histories, which the recommender was saved without"
            )
        found[name] = Evidence(side.items, side.histories)
    return found


def _check(domain: Domain, kept: Kept, roster: Roster) -> None:
    if domain.name in kept.markets:
        raise DataError(f"rows of '{domain.name}': its people are in the counts and not in the recommender; fit again")
    if domain.name not in kept.counts or domain.name not in roster.feedback:
        known = ", ".join(name for name in kept.counts if name in roster.feedback)
        raise DataError(f"rows of '{domain.name}': expected rows of {known}")
    found, expected = domain.interactions.feedback, roster.feedback[domain.name]
    if found != expected:
        raise DataError(f"rows of '{domain.name}': found {found}, expected {expected}, as the recommender was fitted")
