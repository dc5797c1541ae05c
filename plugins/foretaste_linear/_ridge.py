"""Ridge regression from source histories to all target items at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    Memory,
    PairFacts,
    Roster,
    Search,
    Side,
    Strategy,
    Transfer,
)
from foretaste_linear._binary import binary
from foretaste_linear._least_squares import Map, Solution, memory, rows_of, served, solved

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
_FEWEST_PEOPLE = 16


class Ridge(Strategy):
    """score(u, i) = mean_i + z_u (Z'Z + l I)^-1 Z' (y_i - mean_i): what everybody's source history says of each target
    item, by least squares: all least-squares support vector machines, one per item, from one factorisation.

    z_u = x_u w / |x_u|^power, x_u the source history as ones and w the items' inverse document frequency; y_i says who
    preferred i among the people with both histories, mean_i what share of everybody did. Solved over people or over
    source items, whichever are fewer. The strength l is that of the least squared error of predicting each person from
    all others, which is exact but for the means, which count everybody, and costs no further factorisation. Of several
    sources, one without which that error is smaller is left out.
    """

    name: ClassVar[str] = "linear/ridge"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    regularization: Annotated[float | None, Field(gt=0)] = None
    """The strength l, in units of the mean of |z_u|^2; None: by leave-one-person-out, from 1 to 100."""
    power: Annotated[float, Field(ge=0, le=1), Search(0.5, 0.75)] = 0.5
    """How strongly long histories are tempered."""
    popularity: Annotated[float, Field(ge=0), Search(0.0, 0.03, 0.1)] = 0.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""
    map_megabytes: Annotated[int, Field(ge=1)] = 256
    """Largest map that is served, of all sources together; a larger one keeps its strongest directions or entries."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """People with both histories teach."""
        fewest = min(one.shared_users for one in facts)
        if fewest < _FEWEST_PEOPLE:
            return f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"
        return None

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        """Return what the solution takes."""
        people, there = max(one.shared_users for one in facts), facts[0].target_items
        items = sum(one.source_items for one in facts)
        return Memory(
            memory(people, items, there),
            f"{people} people, {items} source and {there} target items",
            "align/ridge, linear/neighbours and linear/naive-bayes take less",
        )

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Solve; settings that differ in popularity alone share the solution."""
        settings = self.regularization, self.power, self.map_megabytes
        fitted = context.memo(("ridge", *settings), lambda: self._fit(transfer))
        sides, notes = {}, []
        for pair in transfer.pairs:
            name = pair.source.name
            if name in fitted.maps:
                histories = binary(pair.source_history)
                sides[name] = Side(pair.source.interactions.items, fitted.maps[name], self.power, histories)
            else:
                notes.append(f"{name} is left out: people are predicted better without it")
        if fitted.kept < 1:
            notes.append(f"the map, cut to {self.map_megabytes} MB, lost {1 - fitted.kept:.2%} of its squared norm")
        roster = Roster.of(transfer)
        return HistoryModel(roster, fitted.mean + roster.popularity_bias(self.popularity), sides, notes=notes)

    def _fit(self, transfer: Transfer) -> Fitted:
        rows = transfer.target.interactions.preference
        taught = [pair.source_history.getnnz(axis=1) > 0 for pair in transfer.pairs]
        people = np.flatnonzero(np.any(taught, axis=0) & (rows.getnnz(axis=1) > 0))
        Y = binary(rows[people])
        # of everybody, so that a source that says nothing leaves what is popular
        mean = transfer.target.interactions.popularity / max(int((rows.getnnz(axis=1) > 0).sum()), 1)
        weights, Z = {}, {}
        for pair in transfer.pairs:
            history = binary(pair.source_history)[people]
            held = np.bincount(history.indices, minlength=history.shape[1])
            weights[pair.source.name] = np.log((1 + len(people)) / (1 + held))
            Z[pair.source.name] = tempered(history, weights[pair.source.name], self.power)
        names, best = tuple(Z), self._strongest(Z, tuple(Z), Y, mean)
        while len(names) > 1:
            without = {left: tuple(n for n in names if n != left) for left in names}
            tried = {left: self._strongest(Z, others, Y, mean) for left, others in without.items()}
            left = min(tried, key=lambda name: tried[name].error)
            if tried[left].error >= best.error:
                break
            names, best = without[left], tried[left]
        whole, kept = served(best, self.map_megabytes * 2**20)
        starts = np.cumsum([0, *(Z[name].shape[1] for name in names)])
        maps = {
            name: rows_of(whole, slice(start, stop), weights[name])
            for name, start, stop in zip(names, starts, starts[1:], strict=False)
        }
        return Fitted(mean.astype(np.float32), maps, kept)

    def _strongest(
        self,
        Z: Mapping[str, sparse.csr_matrix],
        names: tuple[str, ...],
        Y: sparse.csr_matrix,
        mean: NDArray[np.float64],
    ) -> Solution:
        """Return the solution from these sources, with the strength that is asked for or the best one."""
        together = sparse.csr_matrix(sparse.hstack([Z[name] for name in names]))
        size = float(together.multiply(together).sum()) / together.shape[0] or 1.0
        strengths = _STRENGTHS if self.regularization is None else (self.regularization,)
        return solved(together, Y, mean, [size * one for one in strengths])


@dataclass(frozen=True, eq=False)
class Fitted:
    """``mean`` (target items,), by source a map (source items, target items), none for those that harm, and the share
    of the squared norm that is left of all maps.
    """

    mean: NDArray[np.float32]
    maps: dict[str, Map]
    kept: float


def tempered(history: sparse.csr_matrix, weights: NDArray[np.float64], power: float) -> sparse.csr_matrix:
    """Return x w / |x|^power for each row of ones, as a Side with that power and weights in its map reads them."""
    length = np.maximum(history.getnnz(axis=1), 1) ** power
    return sparse.csr_matrix(sparse.diags(1 / length) @ history @ sparse.diags(weights))
