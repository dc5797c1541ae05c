"""Matrix factorisation: one vector per person, shared by the domains, and a residual of the target's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import Carried, FactorModel, Roster, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._learner import Learner, People
from foretaste_deep._losses import Items, log_popularity
from foretaste_deep._movement import Movement
from foretaste_deep._scorer import Scorer

_ALONE = 0.5
"""Share of the steps in which somebody is told by what the source says alone, as a newcomer is."""


class Factors(Learner):
    """v_u = e_u T + r_u: e_u is the person's vector from the source, T turns it, r_u is what only the target knows.

    T starts as the identity and is pulled there; e_u stands still, since newcomers are carried by it, and theirs could
    not move along. r_u starts at zero and is pulled there by ``private``.
    """

    def __init__(
        self, known: NDArray[np.float32], people: People, how: Movement, private: float, scorer: Scorer | None
    ) -> None:
        super().__init__()
        users, d = known.shape
        self.register_buffer("known", torch.from_numpy(known), persistent=False)
        self.turn = nn.Parameter(torch.eye(d))
        self.residual = nn.Parameter(torch.zeros(users, d))
        self.items = nn.Parameter(torch.zeros(people.target.histories.shape[1], d))
        self.bias = nn.Parameter(log_popularity(people.target.histories.getnnz(axis=0)))
        self.scorer = scorer
        self.how, self.private = how, private

    def vectors(
        self, rows: NDArray[np.int64], shown: sparse.csr_matrix, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """See Learner.vectors; what is left out is the residual. ``shown`` is not read: vectors hold what was told."""
        some = torch.from_numpy(rows).to(self.residual.device)
        own = self.residual.index_select(0, some)
        if rng is not None:
            told = torch.from_numpy((rng.random(len(rows)) >= _ALONE).astype(np.float32))
            own = own * told.to(own.device)[:, None]
        return self.get_buffer("known").index_select(0, some) @ self.turn + own

    def ranked(self) -> Items:
        """See Learner.ranked."""
        return Items(self.items, self.bias, self.scorer)

    def groups(self) -> list[Group]:
        """See Learner.groups."""
        how = self.how
        added = [] if self.scorer is None else list(self.scorer.parameters())
        new = [
            Group([self.items], how.learning_rate, pull=how.regularization),
            Group([self.residual], how.learning_rate, pull=self.private),
            Group([self.bias, *added], how.learning_rate),
        ]
        rate, home = how.encoder_rate * how.learning_rate, torch.eye(len(self.turn), device=self.turn.device)
        return [*new, Group([self.turn], rate, how.thaw, pull=how.pull, home=[home])] if rate else new

    def exported(self, transfer: Transfer) -> FactorModel:
        """See Learner.exported. Nothing reads histories: who is in no source and not in the target is a stranger."""
        everybody = np.arange(len(self.residual))
        with torch.no_grad():
            found = self.vectors(everybody, transfer.target.interactions.preference).cpu().numpy()
        items, bias = (one.detach().cpu().numpy().copy() for one in (self.items, self.bias))
        layer = None if self.scorer is None else self.scorer.layer()
        return FactorModel(Roster.of(transfer), found, items, item_bias=bias, pair_layer=layer)


def known_people(carried: Mapping[str, Carried], transfer: Transfer) -> NDArray[np.float32]:
    """Return (users of the target, d) their vectors in the sources, the mean over what each is linked to.

    Zeros for who is linked to nobody.
    """
    parts = []
    for pair in transfer.pairs:
        theirs = carried[pair.source.name].arrays["people"]
        links = pair.user_links
        if links is not None:
            known = theirs.any(axis=1).astype(np.float64)  # an account without rows says nothing, and is no zero
            parts.append((links.T @ theirs, links.T @ known))
    total = np.sum([vectors for vectors, _ in parts], axis=0)
    weight = np.sum([told for _, told in parts], axis=0)
    return np.asarray(total / np.where(weight > 0, weight, 1)[:, None], np.float32)
