"""Domains that are trained together: what they share, and what is each task's own."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import FactorModel, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._bags import bag
from foretaste_deep._decoder import Decoder
from foretaste_deep._everyone import Everyone
from foretaste_deep._learner import Learner
from foretaste_deep._losses import Items
from foretaste_deep._mixing import mixed
from foretaste_deep._multi import Multi
from foretaste_deep._served import served
from foretaste_deep._tower import HistoryTower


class Domains(Learner):
    """Of each domain a tower and its items; of each task residuals (domains, d) by which it reads the others.

    Domains go by their place in ``everyone``; the target is the last.
    """

    def __init__(self, everyone: Everyone, how: Multi, generator: torch.Generator) -> None:
        super().__init__()
        self.everyone, self.how = everyone, how
        *sources, target = (one.histories.shape[1] for one in everyone.domains)
        made = [HistoryTower(items, how.factors, how.units, generator) for items in sources]
        self.towers = nn.ModuleList([*made, HistoryTower(target, how.factors, 0, generator)])
        self.decoders = nn.ModuleList(Decoder(how.factors, one.histories.getnnz(axis=0)) for one in everyone.domains)
        for place, one in enumerate(everyone.domains):  # nobody's history taught what these tell
            self.tower(place).items.data[torch.from_numpy(one.histories.getnnz(axis=0) == 0)] = 0
        count = len(everyone.domains)
        self.own = nn.ParameterList(torch.zeros(count, how.factors) for _ in range(count))

    @property
    def target(self) -> int:
        """The target's place."""
        return len(self.everyone.domains) - 1

    def tower(self, place: int) -> HistoryTower:
        """Return the tower of a domain."""
        return cast(HistoryTower, self.towers[place])

    def shared(self) -> list[nn.Parameter]:
        """Return what all tasks read."""
        return [*self.towers.parameters(), *self.decoders.parameters()]

    def read(
        self, place: int, task: int, rows: NDArray[np.int64], shown: sparse.csr_matrix,
        rng: np.random.Generator | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Return vectors (rows, d) that tell what people prefer in the domain at ``place``, of whose rows there
        ``shown`` is known, as the ``task`` reads them.
        """
        where, others, known = self.own[task].device, [], []
        for other, told in enumerate(self.everyone.domains):
            if other != place:
                known.append(told.lengths[rows] > 0)
                others.append(self.seen(other, task, self.tower(other)(told.of(rows, where, rng, self.how.dropout))))
        mine = self.tower(place)(bag(shown, self.everyone.domains[place].weights, where))
        return mixed(self.seen(place, task, mine), others, known, shown.getnnz(axis=1), self.how.kappa)

    def seen(self, place: int, task: int, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors of a domain as a task reads them."""
        return vectors if place == task else vectors * (1 + self.own[task][place])

    def vectors(
        self, rows: NDArray[np.int64], shown: sparse.csr_matrix, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """See Learner.vectors."""
        return self.read(self.target, self.target, rows, shown, rng)

    def items(self, place: int) -> Items:
        """Return the items of a domain."""
        return cast(Decoder, self.decoders[place]).ranked()

    def ranked(self) -> Items:
        """See Learner.ranked."""
        return self.items(self.target)

    def groups(self) -> list[Group]:
        """See Learner.groups."""
        how = self.how
        return [Group(self.shared(), how.learning_rate), Group(list(self.own), how.own_rate * how.learning_rate)]

    def penalty(self) -> torch.Tensor:
        """Return what large vectors of the target's items cost, whichever domain has its turn."""
        return self.how.regularization * (self.ranked().vectors ** 2).sum()

    def exported(self, transfer: Transfer) -> FactorModel:
        """See Learner.exported: what the target's task reads becomes encoders."""
        rows, encoders = transfer.target.interactions, {}
        gates = 1 + self.own[self.target].detach().cpu().numpy()
        for place, pair in enumerate(transfer.pairs):
            weights = self.everyone.domains[place].weights
            made = self.tower(place).encoder(pair.source.interactions.items, weights, pair.source_history)
            bent = made.correction and replace(made.correction, outer=made.correction.outer * gates[place])
            encoders[pair.source.name] = replace(made, matrix=np.diag(gates[place]), correction=bent)
        weights = self.everyone.domains[self.target].weights
        encoders[transfer.target.name] = self.tower(self.target).encoder(rows.items, weights, rows.preference)
        return served(transfer, encoders, self.ranked(), self.how.kappa)
