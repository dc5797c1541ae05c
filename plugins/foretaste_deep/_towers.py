"""Two towers: people are read from their histories, items are vectors of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import FactorModel, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._bags import bag
from foretaste_deep._description import Description
from foretaste_deep._learner import Learner, People
from foretaste_deep._losses import Items, log_popularity
from foretaste_deep._mixing import mixed
from foretaste_deep._movement import Movement, began, remember
from foretaste_deep._scorer import Scorer
from foretaste_deep._served import served
from foretaste_deep._tower import HistoryTower


class Towers(Learner):
    """Of each source a tower, of the target's own histories another, and the vectors and biases of its items.

    With k target rows shown, v = b own + (1 - b) source, b = k / (k + kappa); source is the mean over the sources that
    know the person.
    """

    def __init__(
        self, sources: Mapping[str, HistoryTower], own: HistoryTower, people: People, how: Movement, kappa: float,
        dropout: float, scorer: Scorer | None = None, description: Description | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.towers = nn.ModuleList(sources.values())
        self.names = list(sources)
        self.own = own
        self.items = nn.Parameter(torch.zeros_like(own.items))
        self.bias = nn.Parameter(log_popularity(people.target.histories.getnnz(axis=0)))
        self.scorer, self.description = scorer, description
        had = people.target.histories.getnnz(axis=0) > 0
        self.drawn = None if description is None or had.all() else np.flatnonzero(had)
        own.items.data[torch.from_numpy(~had)] = 0  # nobody's history taught what they tell
        # what is declared makes vectors of a step's own, which all rows have a part in
        self.sparse = how.sparse and description is None and own.description is None
        for tower in (own, *sources.values()):
            tower.sparse = self.sparse
        self.people, self.how, self.kappa, self.dropout = people, how, kappa, dropout
        remember(self, self._pretrained_parameters())

    def source(self, name: str) -> HistoryTower:
        """Return the tower of one source."""
        return self.pretrained()[self.names.index(name)]

    def pretrained(self) -> list[HistoryTower]:
        """Return the towers of the sources."""
        return [one for one in self.towers if isinstance(one, HistoryTower)]

    def _pretrained_parameters(self) -> dict[str, nn.Parameter]:
        """Return what pretraining made, which adapters are not part of."""
        return {
            f"{place}.{name}": held
            for place, tower in enumerate(self.pretrained())
            for name, held in tower.named_parameters()
            if name not in HistoryTower.ADAPTER
        }

    def ranked(self) -> Items:
        """See Learner.ranked."""
        vectors = self.items if self.description is None else self.items + self.description()
        return Items(vectors, self.bias, self.scorer, self.drawn, self.sparse)

    def vectors(
        self, rows: NDArray[np.int64], shown: sparse.csr_matrix, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """See Learner.vectors; what is left out is a part of each source history."""
        where, others, known = self.items.device, [], []
        for name, told in self.people.histories.items():
            known.append(told.lengths[rows] > 0)
            others.append(self.source(name)(told.of(rows, where, rng, self.dropout)))
        own = self.own(bag(shown, self.people.target.weights, where))
        return mixed(own, others, known, shown.getnnz(axis=1), self.kappa)

    def groups(self) -> list[Group]:
        """See Learner.groups: layers thaw before embeddings; with adapters nothing that was pretrained moves."""
        how, towers = self.how, self.pretrained()
        adapters = [p for tower in towers for p in tower.adapter()]
        added = adapters + ([] if self.scorer is None else list(self.scorer.parameters()))
        tokens = [] if self.description is None else list(self.description.parameters())
        # sparse tables are not drawn anywhere, which would touch all of their rows
        drawn, pull = (0.0, 0.0) if self.sparse else (how.regularization, how.pull)
        ranked = Group([self.items], how.learning_rate, sparse=self.sparse, pull=drawn)
        read = Group([self.own.items], how.learning_rate, sparse=self.sparse)
        new = Group([self.bias, *self.own.layers(), *tokens, *added], how.learning_rate)
        rate = how.encoder_rate * how.learning_rate
        if not rate or adapters:
            return [ranked, read, new]
        return [ranked, read, new, *self._pretrained_groups(rate, pull)]

    def _pretrained_groups(self, rate: float, pull: float) -> list[Group]:
        thaw, held = self.how.thaw, self._pretrained_parameters()
        tables = {name: p for name, p in held.items() if name.endswith(".items")}
        layers = {name: p for name, p in held.items() if name not in tables}
        home = {name: began(self, name) for name in held}
        return [
            Group(list(layers.values()), rate, thaw // 2, pull=pull, home=[home[name] for name in layers]),
            Group(list(tables.values()), rate, thaw, self.sparse, pull, [home[name] for name in tables]),
        ]

    def exported(self, transfer: Transfer) -> FactorModel:
        """See Learner.exported: towers become encoders."""
        rows, encoders = transfer.target.interactions, {}
        for pair in transfer.pairs:
            told = self.people.histories[pair.source.name]
            encoders[pair.source.name] = self.source(pair.source.name).encoder(
                pair.source.interactions.items, told.weights, pair.source_history
            )
        encoders[transfer.target.name] = self.own.encoder(rows.items, self.people.target.weights, rows.preference)
        return served(transfer, encoders, self.ranked(), self.kappa)
