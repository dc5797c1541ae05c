"""What people had in all domains, side by side, with what is known of items below it; and EASE of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DomainPair, Features, Index, Transfer, feature_matrices, sealed
from foretaste.solvers import ease_dual, ease_map, gram
from foretaste_linear._binary import binary
from foretaste_linear._evidence import Evidence, declared_in

TOKENS = 2000
"""At most so many tokens of features count, those that say most."""

Dense: TypeAlias = NDArray[np.float32]
Factors: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
Rows: TypeAlias = Mapping[str, sparse.csr_matrix]
"""Some rows of J by domain; a domain that is not named has zeros there."""


def maps(
    transfer: Transfer,
    limit_bytes: int,
    regularization: float,
    weight: float,
    power: float,
    feature_weight: float,
    declared: Mapping[str, Evidence],
    declared_weight: float,
) -> dict[str, Dense | Factors]:
    """Return by domain the map (items, target items); a source that counts for nothing has none.

    What is ``declared`` of people, by the name of a side, are columns as well, and has a map by that name.

    A history of ``n`` source items is to be divided by n^power before its map is applied. A source's map that is beyond
    the limit is a pair of factors where these are not.
    """
    name, target = transfer.target.name, binary(transfer.target.interactions.preference)
    sources = transfer.pairs if weight else ()
    tokens = _tokens(transfer, [pair.source.name for pair in sources], feature_weight)
    # what newcomers want of the target is not known: rows of zeros would say that they want nothing
    had = np.flatnonzero(target.getnnz(axis=1))
    people = {name: target[had]}
    scales, below = {name: 1.0}, []
    for pair in sources:
        source = pair.source.name
        if pair.user_links is not None:
            people[source], scales[source] = _tempered(binary(pair.source_history)[had], power)
        elif source in tokens:
            tokens[source], scales[source] = _unlinked(pair, tokens[source]), 1.0
        if pair.item_links is not None:
            below.append(_source_people(pair, name, weight, own=source in scales and pair.user_links is None))
    people |= {side: one.histories[had] for side, one in declared.items()}
    blocks = [people, *below, *([tokens] if tokens else [])]
    columns = {domain: size for domain, size in _sizes(transfer).items() if domain in scales}
    columns |= {side: len(one.items) for side, one in declared.items()}
    weights = {name: 1.0} | dict.fromkeys(declared, declared_weight)
    found = _solved(_stacked(blocks, columns), name, regularization, {one: weights.get(one, weight) for one in columns})
    ends: dict[str, Dense | Factors] = {one: sealed(found[one].whole()) for one in (name, *declared)}
    for pair in sources:
        source = pair.source.name
        if pair.user_links is not None:
            ends[source] = found[source].scaled(scales[source]).within(limit_bytes)
            continue
        own = [found[source].whole()] if source in found else []
        if pair.item_links is not None:
            # a shared item says the same on either side
            own.append(np.asarray(binary(sparse.csr_matrix(pair.item_links)) @ ends[name], np.float32))
        if own:
            ends[source] = sealed(np.sum(own, axis=0))
    return ends


def declared_of(transfer: Transfer) -> dict[str, Evidence]:
    """Return what is declared of people by the name of a side, the tokens that are said of most."""
    return {name: _most_said(one) for name, one in declared_in(transfer).items()}


def _most_said(one: Evidence) -> Evidence:
    said = one.histories.getnnz(axis=0)
    most = np.sort(np.argsort(-said, kind="stable")[:TOKENS])
    return Evidence(Index(one.items.ids.gather(most), one.items.kind), sparse.csr_matrix(one.histories[:, most]))


def _sizes(transfer: Transfer) -> dict[str, int]:
    domains = (transfer.target, *(pair.source for pair in transfer.pairs))
    return {domain.name: len(domain.interactions.items) for domain in domains}


def _tempered(history: sparse.csr_matrix, power: float) -> tuple[sparse.csr_matrix, float]:
    """Return scale * x / n^power for each row x of n ones, and the scale, which leaves the mean of |x|^2 as it was."""
    lengths = history.getnnz(axis=1).astype(np.float64)
    size = float((lengths[lengths > 0] ** (1 - 2 * power)).sum())
    scale = float(np.sqrt(lengths.sum() / size)) if size else 1.0
    divided = sparse.diags(scale / np.maximum(lengths, 1) ** power) @ history
    return sparse.csr_matrix(divided, dtype=np.float32), scale


def _unlinked(pair: DomainPair, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return columns (rows, source items) with zeros for items that are the target's own ones."""
    if pair.item_links is None:
        return sparse.csr_matrix(matrix)
    alone = (pair.item_links.getnnz(axis=1) == 0).astype(np.float32)
    return sparse.csr_matrix(matrix @ sparse.diags(alone), dtype=np.float32)


def _source_people(pair: DomainPair, target: str, weight: float, *, own: bool) -> Rows:
    """Return the source's people as rows: what they had of shared items, and with ``own`` what they had of others."""
    preference = pair.source.interactions.preference
    shared = binary(sparse.csr_matrix(preference @ pair.item_links, dtype=np.float32))
    had = np.flatnonzero(shared.getnnz(axis=1))
    rows = {target: shared[had] * np.float32(weight**0.5)}
    return rows | {pair.source.name: _unlinked(pair, binary(preference)[had])} if own else rows


def feature_names(transfer: Transfer) -> set[str]:
    """Return the columns of item features by which the domains that have any are joined."""
    tables = _tables(transfer)
    return set.intersection(*(set(table.kinds) for table in tables.values())) if tables else set()


def _tables(transfer: Transfer) -> dict[str, Features]:
    """Return the item features by domain, none where the target has none."""
    domains = (transfer.target, *(pair.source for pair in transfer.pairs))
    found = {domain.name: domain.item_features for domain in domains if domain.item_features is not None}
    return found if transfer.target.name in found else {}


def _tokens(transfer: Transfer, sources: Iterable[str], feature_weight: float) -> dict[str, sparse.csr_matrix]:
    """Return by domain (tokens, items) of the features that all have, times the root of their weight."""
    tables = _tables(transfer)
    if not feature_weight or not tables:
        return {}
    held = feature_matrices(list(tables.values())).matrices
    said = np.sum([np.asarray(one.multiply(one).sum(axis=0)).ravel() for one in held], axis=0)
    most = np.sort(np.argsort(-said, kind="stable")[:TOKENS])
    root = np.float32(feature_weight**0.5)
    known = (transfer.target.name, *sources)
    rows = {name: sparse.csr_matrix(one[:, most].T * root) for name, one in zip(tables, held, strict=True)}
    return {name: one for name, one in rows.items() if name in known}


def _stacked(blocks: Iterable[Rows], columns: Mapping[str, int]) -> dict[str, sparse.csr_matrix]:
    parts: dict[str, list[sparse.csr_matrix]] = {name: [] for name in columns}
    for rows in blocks:
        height = next(iter(rows.values())).shape[0]
        for name, size in columns.items():
            parts[name].append(rows[name] if name in rows else sparse.csr_matrix((height, size), dtype=np.float32))
    return {name: sparse.csr_matrix(sparse.vstack(stack), dtype=np.float32) for name, stack in parts.items()}


@dataclass(frozen=True, eq=False)
class Solved:
    """One domain's map: ``left`` (items, rows of J) times ``right`` (rows of J, target items), or ``right`` alone.

    ``own``: of the target, where an item says nothing for itself.
    """

    left: sparse.csr_matrix | None
    right: Dense
    own: bool = False

    def scaled(self, scale: float) -> Solved:
        """Return the map times a number."""
        if self.left is None:
            return replace(self, right=self.right * np.float32(scale))
        return replace(self, left=self.left * np.float32(scale))

    def whole(self) -> Dense:
        """Return (items, target items)."""
        if self.left is None:
            return self.right
        product = np.asarray(self.left @ self.right, np.float32)
        if self.own:
            np.fill_diagonal(product, 0)
        return product

    def within(self, limit_bytes: int) -> Dense | Factors:
        """Return the factors where they are within a limit and their product is beyond it; else the product."""
        if self.left is not None:
            (items, rows), there = self.left.shape, self.right.shape[1]
            if 4 * items * there > limit_bytes >= 4 * (items + there) * rows:
                return sealed(self.left.toarray()), sealed(self.right)
        return sealed(self.whole())


def _solved(
    parts: Mapping[str, sparse.csr_matrix], target: str, regularization: float, counts: Mapping[str, float]
) -> dict[str, Solved]:
    """Return the maps by domain, each counting so much; over rows or columns of J, whichever are fewer."""
    weights = {name: np.float32(counts[name]) for name in parts}
    rows, there = parts[target].shape
    if rows > sum(part.shape[1] for part in parts.values()):
        J = sparse.hstack([weights[name] ** 0.5 * part for name, part in parts.items()], format="csr")
        whole = ease_map(sparse.csr_matrix(J, dtype=np.float32), regularization, columns=np.arange(there))
        ends = np.cumsum([part.shape[1] for part in parts.values()])[:-1]
        pieces = zip(parts, np.split(whole, ends), strict=True)
        return {name: Solved(None, np.asarray(piece * weights[name] ** 0.5)) for name, piece in pieces}
    kernel = np.zeros((rows, rows))
    for name, part in parts.items():
        kernel += weights[name] * gram(part, rows=True)
    right = ease_dual(kernel, parts[target], regularization)
    left = {name: sparse.csr_matrix(part.T * weights[name], dtype=np.float32) for name, part in parts.items()}
    return {name: Solved(one, right, own=name == target) for name, one in left.items()}
