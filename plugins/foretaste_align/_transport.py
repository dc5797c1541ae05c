"""Alignment where nothing is shared: partners by optimal transport between what is written about the items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from foretaste import Context, DomainPair, Memory, PairFacts, StrategyError, feature_matrices
from foretaste_align._similarity import Similarity

_COPIES = 5
_LEAST_EPSILON = 0.01
_LEAST_SHARE = 1e-4


class Transport(Similarity):
    """``align/similarity`` whose partners are an entropic optimal transport plan T between the items of both domains,
    the cost being 1 - cosine of their features: min sum T c + epsilon sum T log T (Cuturi, Sinkhorn distances:
    lightspeed computation of optimal transport, NIPS 2013; solved by POT). An item's prior mean is the barycentre of
    what the plan brings it, sum_j T_ij e_j / sum_j T_ij; epsilon is a share of the median cost.

    For pairs that share neither people nor items. Little is known of whether such transfer ranks better than
    popularity does, so the shipped registry never chooses it, and runs say that it helps beside the permuted control
    only.
    """

    name: ClassVar[str] = "align/transport"
    requires: ClassVar[tuple[str, ...]] = ("implicit", "ot")
    extra: ClassVar[str | None] = "transport"
    needs_control: ClassVar[bool] = True

    epsilon: Annotated[float, Field(gt=0)] = 0.05
    """Strength of the entropy, in units of the median cost: the smaller, the fewer partners an item has."""
    iterations: Annotated[int, Field(ge=1)] = 200
    """Most steps of Sinkhorn's algorithm."""
    mass: Literal["uniform", "popularity"] = "uniform"
    """What an item sends and takes: all alike, or by log(1 + popularity)."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Features are needed on both sides, and nothing to go by that is better."""
        for one in facts:
            if one.linked_users or one.linked_items:
                found = f"{one.linked_users} users and {one.linked_items} items are linked"
                return f"is for pairs that share neither users nor items, {found}; align/similarity goes by them"
            if not one.item_features:
                return "needs item features in both domains"
        return None

    def memory(self, facts: Sequence[PairFacts]) -> Memory | None:
        """Return what the largest plan takes."""
        if not facts:
            return None
        one = max(facts, key=lambda one: one.source_items * one.target_items)
        size = one.source_items * one.target_items
        return Memory(8 * _COPIES * size, f"a plan of {one.target_items} x {one.source_items} items")

    def shares(self, pair: DomainPair, context: Context) -> sparse.csr_matrix:
        """Return the plan's rows, each summing to 1; 0 for items without features."""
        here, there = pair.source, pair.target
        if here.item_features is None or there.item_features is None:
            raise StrategyError(f"{self.name}: {here.name} -> {there.name}: needs item features in both domains")
        vectors = feature_matrices([here.item_features, there.item_features]).matrices
        sends = np.flatnonzero((vectors[0].getnnz(axis=1) > 0) & (here.interactions.popularity > 0))
        takes = np.flatnonzero(vectors[1].getnnz(axis=1) > 0)
        if not (len(sends) and len(takes)):
            columns = [", ".join(one.kinds) for one in (here.item_features, there.item_features)]
            raise StrategyError(
                f"{self.name}: {here.name} -> {there.name}: no item features to compare, expected columns of the same"
                f" name on both sides ({here.name} has {columns[0]}; {there.name} has {columns[1]})"
            )
        cost = 1 - (vectors[1][takes] @ vectors[0][sends].T).toarray().astype(np.float64)
        masses = [self._mass(there.interactions.popularity[takes]), self._mass(here.interactions.popularity[sends])]
        plan = self.plan(cost, masses[0], masses[1])
        plan /= np.maximum(plan.sum(axis=1, keepdims=True), 1e-300)
        plan[plan < _LEAST_SHARE * plan.max(axis=1, keepdims=True)] = 0
        rows, columns_ = np.nonzero(plan)
        shape = (len(there.interactions.items), len(here.interactions.items))
        found = sparse.csr_matrix((plan[rows, columns_], (takes[rows], sends[columns_])), shape=shape)
        total = np.asarray(found.sum(axis=1)).ravel()
        return sparse.csr_matrix(sparse.diags(1 / np.maximum(total, 1e-12)) @ found)

    def plan(
        self, cost: NDArray[np.float64], there: NDArray[np.float64], here: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return T (target items, source items) of these sums of rows, ``there``, and columns, ``here``."""
        import ot

        epsilon = max(self.epsilon * float(np.median(cost)), _LEAST_EPSILON)
        found = ot.sinkhorn(there, here, cost, epsilon, numItermax=self.iterations, warn=False)
        return np.asarray(found, np.float64)

    def _mass(self, popularity: NDArray[np.float64]) -> NDArray[np.float64]:
        mass = np.ones(len(popularity)) if self.mass == "uniform" else np.log1p(popularity) + 1e-3
        return np.asarray(mass / mass.sum(), np.float64)
