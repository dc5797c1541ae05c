"""EASE over the items of all domains at once, of which those of the target are predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    PairFacts,
    Roster,
    Search,
    Side,
    Strategy,
    Transfer,
    cut_map,
    sealed,
)
from foretaste.solvers import ease_dual, ease_map, ease_memory, gram
from foretaste_linear._binary import binary

_LIMIT = 2 * 2**30


class Ease(Strategy):
    """EASE (Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019) of what people had in all domains: B
    least in |J - J B|^2 + regularization |B|^2 with zeros on its diagonal, J = [X_target, sqrt(weight) X_source, ...],
    and score = J B of the target's items, with popularity mixed in.

    Items that both domains share are columns of the target, and the source's people are rows that count ``weight``
    each (collective EASE of Jeunen, Van Balen and Goethals, Closed-form models for collaborative filtering with
    side-information, RecSys 2020, has features in their place). With ``weight`` 0 it is EASE of the target alone.
    Solved over people or over items, whichever are fewer: the same map comes out.
    """

    name: ClassVar[str] = "linear/ease"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    regularization: Annotated[float, Field(gt=0), Search(300.0, 1000.0)] = 300.0
    """Added to the diagonal of the Gram matrix of J."""
    weight: Annotated[float, Field(ge=0), Search(0.0, 0.1, 0.3, 1.0)] = 0.3
    """How much a source row counts beside a target row."""
    popularity: Annotated[float, Field(ge=0), Search(0.03, 0.3)] = 0.03
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""
    map_megabytes: Annotated[int, Field(ge=1)] = 256
    """Largest map that is served from each domain; a larger one keeps each item's strongest entries."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Something must be shared, and the solution must fit memory."""
        if not any(one.shared_users or one.shared_items for one in facts):
            return "needs shared users or shared items, there are none"
        there = facts[0].target_items
        people = facts[0].target_users + sum(one.source_users for one in facts if one.linked_items)
        items = there + sum(one.source_items for one in facts if one.linked_users)
        need = ease_memory(people, items) + 4 * items * there
        if need <= _LIMIT:
            return None
        return (
            f"needs {need / 2**30:.1f} GiB for {people} people and {items} items of all domains, the limit is"
            f" {_LIMIT / 2**30:.0f} GiB; align/prior and linear/naive-bayes take less"
        )

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Solve; settings that differ in popularity alone share the solution."""
        maps = context.memo(("ease", self.regularization, self.weight), lambda: self._maps(transfer))
        rows = transfer.target.interactions
        known = {transfer.target.name: (rows.items, binary(rows.preference))}
        known |= {p.source.name: (p.source.interactions.items, binary(p.source_history)) for p in transfer.pairs}
        sides, notes = {}, []
        for name, whole in maps.items():
            item_map, kept = cut_map(whole, self.map_megabytes * 2**20)
            if kept < 1:
                notes.append(
                    f"the map from {name}, cut to {self.map_megabytes} MB, lost {1 - kept:.2%} of its squared norm"
                )
            items, histories = known[name]
            sides[name] = Side(items, item_map, histories=histories)
        roster = Roster.of(transfer)
        return HistoryModel(roster, roster.popularity_bias(self.popularity), sides, notes=notes)

    def _maps(self, transfer: Transfer) -> dict[str, NDArray[np.float32]]:
        """Return by domain the map (items, target items); a source that counts for nothing has none."""
        target = binary(transfer.target.interactions.preference)
        columns, rows = {transfer.target.name: target}, [np.flatnonzero(target.getnnz(axis=1))]
        stacked = []
        for pair in transfer.pairs if self.weight else ():
            if pair.user_links is not None:
                columns[pair.source.name] = binary(pair.source_history)
                rows.append(np.flatnonzero(pair.source_history.getnnz(axis=1)))
            if pair.item_links is not None:
                had = sparse.csr_matrix(pair.source.interactions.preference @ pair.item_links, dtype=np.float32)
                stacked.append(binary(had[np.flatnonzero(had.getnnz(axis=1))]))
        people = np.unique(np.concatenate(rows))
        parts = {
            name: _below(matrix[people], stacked, name == transfer.target.name) for name, matrix in columns.items()
        }
        scales = np.concatenate([np.ones(len(people)), *(np.full(one.shape[0], self.weight**0.5) for one in stacked)])
        parts = {name: sparse.csr_matrix(sparse.diags(scales) @ part, dtype=np.float32) for name, part in parts.items()}
        found = self._solved(parts, transfer.target.name)
        for pair in transfer.pairs if self.weight else ():
            if pair.item_links is not None and pair.source.name not in found:
                # a shared item says the same on either side
                links = binary(sparse.csr_matrix(pair.item_links))
                found[pair.source.name] = np.asarray(links @ found[transfer.target.name], np.float32)
        return {name: sealed(one) for name, one in found.items()}

    def _solved(self, parts: Mapping[str, sparse.csr_matrix], target: str) -> dict[str, NDArray[np.float32]]:
        weights = {name: 1.0 if name == target else self.weight for name in parts}
        there = parts[target].shape[1]
        if parts[target].shape[0] > sum(part.shape[1] for part in parts.values()):
            J = sparse.hstack([np.float32(weights[name] ** 0.5) * part for name, part in parts.items()], format="csr")
            whole = ease_map(sparse.csr_matrix(J, dtype=np.float32), self.regularization, columns=np.arange(there))
            ends = np.cumsum([part.shape[1] for part in parts.values()])[:-1]
            return {
                name: np.asarray(part * np.float32(weights[name] ** 0.5))
                for name, part in zip(parts, np.split(whole, ends), strict=True)
            }
        kernel = np.zeros((parts[target].shape[0],) * 2)
        for name, part in parts.items():
            kernel += weights[name] * gram(part, rows=True)
        solved = ease_dual(kernel, parts[target], self.regularization)
        found = {name: np.asarray(weights[name] * (part.T @ solved), np.float32) for name, part in parts.items()}
        np.fill_diagonal(found[target], 0)
        return found


def _below(matrix: sparse.csr_matrix, stacked: Sequence[sparse.csr_matrix], of_target: bool) -> sparse.csr_matrix:
    """Return the rows, and below them those of source people, who have items of the target only."""
    others = [one if of_target else sparse.csr_matrix((one.shape[0], matrix.shape[1])) for one in stacked]
    return sparse.csr_matrix(sparse.vstack([matrix, *others]))
