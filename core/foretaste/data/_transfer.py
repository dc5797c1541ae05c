"""Pairs and transfers: what a source and a target share, declared and never assumed from equal row numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data._domain import Domain
from foretaste.data._frozen import sealed
from foretaste.data._index import Index
from foretaste.data._interactions import Interactions
from foretaste.data._links import check_links, link_matrix, shared_matrix, with_linked
from foretaste.errors import DataError

Shared = Literal["users", "items", "both", "none"]
_END_OF_DAYS = 2.5e11  # seconds: the year 9892


@dataclass(frozen=True)
class Overlap:
    """What a pair is said to share: ids (``shared``), or link tables with columns from_id, to_id[, weight].

    People may meet by ids and items by links, or the other way round; DataError where either meet by both.
    """

    shared: Shared = "none"
    user_links: pl.DataFrame | None = None
    item_links: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        if words := said_twice(self.shared, users=self.user_links is not None, items=self.item_links is not None):
            raise DataError(words)


def said_twice(shared: Shared, *, users: bool, items: bool) -> str | None:
    """Say what is wrong where ids are shared and a table links the same kind of ids, or None."""
    for kind, linked in (("users", users), ("items", items)):
        if linked and shared in (kind, "both"):
            return (
                f"shared: {shared} and a table of links both say which {kind} are the same, expected one of them"
                " (equal ids may be rows of the table)"
            )
    return None


@dataclass(frozen=True, eq=False)
class DomainPair:
    """One source and one target.

    ``user_links`` is a csr_matrix (source users, target users) of positive weights, or None where people are not
    shared; ``item_links`` likewise for items. Shared ids are links of weight 1.
    """

    source: Domain
    target: Domain
    user_links: sparse.csr_matrix | None = None
    item_links: sparse.csr_matrix | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def source_history(self) -> sparse.csr_matrix:
        """(target users, source items) float32: what each person of the target preferred in the source."""
        return self._brought(self.source.interactions.preference)

    @cached_property
    def source_length(self) -> NDArray[np.int64]:
        """(target users,) how many source items each person of the target has rows for, all accounts together."""
        return sealed(np.diff(self._brought(self.source.interactions.seen).indptr).astype(np.int64))

    def _brought(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        if self.user_links is None:
            empty = (len(self.target.interactions.users), len(self.source.interactions.items))
            return sparse.csr_matrix(empty, dtype=np.float32)
        brought = sparse.csr_matrix(self.user_links.T @ matrix, dtype=np.float32)
        brought.sort_indices()
        return brought

    @cached_property
    def shared_people(self) -> NDArray[np.int64]:
        """Target rows of people with history on both sides."""
        return sealed(np.flatnonzero((self.source_length > 0) & (self.target.interactions.history > 0)))


@dataclass(frozen=True, eq=False)
class Transfer:
    """A target and the pairs that end in it. The target's user index also holds linked people without target rows."""

    target: Domain
    pairs: tuple[DomainPair, ...]
    name: str = field(default="")

    @property
    def place(self) -> str:
        """``grocery+films -> drugstore``: what messages call this transfer."""
        return f"{'+'.join(pair.source.name for pair in self.pairs)} -> {self.target.name}"

    @property
    def notes(self) -> list[str]:
        """What was done to each table, and what is odd about the pairs."""
        domains = [*(pair.source for pair in self.pairs), self.target]
        told = [f"{domain.name}: {note}" for domain in domains for note in domain.notes]
        return told + [warning for pair in self.pairs for warning in pair.warnings]

    @property
    def pair(self) -> DomainPair:
        """The single pair; ValueError where there are several."""
        if len(self.pairs) != 1:
            raise ValueError(f"this transfer has {len(self.pairs)} sources; use transfer.pairs")
        return self.pairs[0]

    @classmethod
    def of(cls, sources: Domain | Sequence[Domain], target: Domain, overlap: Overlap | Sequence[Overlap]) -> Transfer:
        """Join sources to a target by declared ids or links."""
        sources = [sources] if isinstance(sources, Domain) else list(sources)
        overlaps = [overlap] * len(sources) if isinstance(overlap, Overlap) else list(overlap)
        if len(overlaps) != len(sources):
            raise DataError(
                f"{target.name}: found {len(overlaps)} overlaps for {len(sources)} sources, expected as many"
            )
        twice = [s.name for s in sources if [other.name for other in sources].count(s.name) > 1]
        if twice:
            raise DataError(f"{target.name}: two sources are called '{twice[0]}', expected a name for each")
        users = target.interactions.users
        for source, one in zip(sources, overlaps, strict=True):
            users = _with_linked(users, source, target, one)
        target = target.for_users(users)
        pairs = tuple(_pair(source, target, one) for source, one in zip(sources, overlaps, strict=True))
        return cls(target, pairs, f"{'+'.join(s.name for s in sources)}__{target.name}")

    def replaced(
        self, target: Interactions | None = None, sources: Mapping[str, Interactions] | None = None
    ) -> Transfer:
        """Return the transfer with other rows over the same indexes (a hold-out, a permuted control)."""
        unknown = set(sources or {}) - {pair.source.name for pair in self.pairs}
        if unknown:
            raise ValueError(f"this transfer has no source '{min(unknown)}'")
        new_target = self.target if target is None else self.target.with_interactions(target)
        changed = sources or {}
        pairs = tuple(
            replace(
                pair,
                target=new_target,
                source=pair.source.with_interactions(changed[pair.source.name])
                if pair.source.name in changed
                else pair.source,
            )
            for pair in self.pairs
        )
        return replace(self, target=new_target, pairs=pairs)

    @cached_property
    def source_length(self) -> NDArray[np.int64]:
        """(target users,) how many rows each person has in all sources together."""
        nobody = np.zeros(len(self.target.interactions.users), np.int64)
        return sealed(sum((pair.source_length for pair in self.pairs), nobody))

    @cached_property
    def shared_people(self) -> NDArray[np.int64]:
        """Target rows of people with history in the target and in some source."""
        return sealed(np.flatnonzero((self.source_length > 0) & (self.target.interactions.history > 0)))


def _with_linked(users: Index, source: Domain, target: Domain, overlap: Overlap) -> Index:
    place = f"{source.name} -> {target.name}"
    if overlap.user_links is not None:
        links = check_links(overlap.user_links, f"{place}: user links")
        return with_linked(users, source.interactions.users, links, place)
    if overlap.shared in ("users", "both"):
        return with_linked(users, source.interactions.users, None, place)
    return users


def _pair(source: Domain, target: Domain, overlap: Overlap) -> DomainPair:
    here, there = source.interactions, target.interactions
    warnings: list[str] = []
    place = f"{source.name} -> {target.name}"
    by_user = overlap.shared in ("users", "both")
    by_item = overlap.shared in ("items", "both")
    user_links = _links(here.users, there.users, overlap.user_links, by_user, place, warnings)
    item_links = _links(here.items, there.items, overlap.item_links, by_item, place, warnings)
    pair = DomainPair(source, target, user_links, item_links)
    # people who were only linked have no row in the target: its own ids are those of people with rows
    own = there.users.ids.filter(pl.Series(there.history > 0))
    for kind, links, ids, others, by_id in (
        ("user", user_links, here.users.ids, own, by_user),
        ("item", item_links, here.items.ids, there.items.ids, by_item),
    ):
        shared = _meeting(pair, kind, links)
        if links is not None and not shared:
            raise DataError(
                f"{place}: {kind}s are declared shared, but none of {len(ids)} source {kind}s has rows on both sides"
                f" (the target has {len(others)} {kind}s); ids such as {_few(ids)} in the source, {_few(others)} in"
                " the target"
            )
        if by_id and _looks_like_row_numbers(ids) and _looks_like_row_numbers(others):
            warnings.append(
                f"{place}: {kind} ids look like row numbers on both sides ({shared} in common);"
                f" equal numbers are taken to be equal {kind}s because shared: says so"
            )
    if apart := _apart(here, there):
        warnings.append(f"{place}: {apart}")
    return replace(pair, warnings=tuple(warnings))


def _few(ids: pl.Series) -> str:
    return ", ".join(map(repr, ids.head(2).to_list())) or "none"


def _apart(here: Interactions, there: Interactions) -> str | None:
    """Say that the times of two domains have no instant in common: one may be in other units."""
    if here.times is None or there.times is None or not len(here) or not len(there):
        return None
    if here.times.min() <= there.times.max() and there.times.min() <= here.times.max():
        return None
    spans = f"the source's are {span(here.times)}, the target's {span(there.times)}"
    return f"no time in common: {spans}; are both in seconds?"


def span(times: NDArray[np.float64]) -> str:
    """Return ``2020-09-13 to 2021-10-28``; numbers, where no calendar goes so far."""
    first, last = float(times.min()), float(times.max())
    if max(abs(first), abs(last)) > _END_OF_DAYS:
        return f"{first:g} to {last:g}"
    return " to ".join(str(np.datetime64(int(time), "s").astype("datetime64[D]")) for time in (first, last))


def _meeting(pair: DomainPair, kind: str, links: sparse.csr_matrix | None) -> int:
    if links is None:
        return 0
    if kind == "user":
        return len(pair.shared_people)
    there = np.bincount(pair.target.interactions.item_rows, minlength=links.shape[1]) > 0
    return int((there & (np.diff(links.tocsc().indptr) > 0)).sum())


def _links(
    here: Index, there: Index, table: pl.DataFrame | None, shared: bool, place: str, warnings: list[str]
) -> sparse.csr_matrix | None:
    if table is not None:
        checked = check_links(table, f"{place}: {here.kind} links")
        matrix, unknown = link_matrix(here, there, checked, place)
        if unknown:
            warnings.append(
                f"{place}: {unknown} of {table.height} {here.kind} links name an id that is not in the data"
            )
        return matrix
    return shared_matrix(here, there, place) if shared else None


def _looks_like_row_numbers(ids: pl.Series) -> bool:
    numbers = ids.cast(pl.Int64, strict=False)
    if numbers.null_count() or numbers.is_empty():
        return False
    low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
    return low in (0, 1) and high - low + 1 <= 1.05 * len(numbers)
