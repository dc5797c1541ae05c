"""What is fine-tuned on ratings: towers of the sources, and the target's items; own ratings are folded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from foretaste import Encoder, FactorModel, Mix, RatingScale, Roster, Transfer
from foretaste_deep._mixing import mean_of_known
from foretaste_deep._movement import distance, remember
from foretaste_deep._rated import Rated
from foretaste_deep._rating_tower import RatingTower, places, predicted

_BLOCK = 256
"""People at a time when biases are made."""
_SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class RatedPeople:
    """What people of the target (users,) rated in each source, by name, and in the target."""

    sources: Mapping[str, Rated]
    target: Rated

    def placed(self) -> NDArray[np.int64]:
        """Return (users,) the number of sources that know each person."""
        return np.asarray(np.sum([one.length > 0 for one in self.sources.values()], axis=0), np.int64)


class RatingTowers(nn.Module):
    """v_u = m + A^-1 sum_j (r_uj - mean - b_j - m . x_j) x_j over own ratings j, A = sum_j x_j x_j' + kappa, x_j = (1,
    q_j); m is the mean of M tower + c over the sources that know the person, 0 without one.

    For the bias alone that is b own + (1 - b) m, b = k / (k + kappa) with k own ratings. ``bias`` (items,), b_j in
    units of the spread, is not trained but made by ``settle``.
    """

    bias: torch.Tensor

    def __init__(
        self, towers: Mapping[str, RatingTower], people: RatedPeople, factors: int, kappa: float, item_damping: float
    ) -> None:
        super().__init__()
        here = people.target
        self.names = list(towers)
        self.towers = nn.ModuleList(towers.values())
        self.turns = nn.ParameterList([torch.eye(1 + factors) for _ in towers])
        self.offsets = nn.ParameterList([torch.zeros(1 + factors) for _ in towers])
        self.items = nn.Parameter(torch.zeros(here.ratings.shape[1], factors))
        self.people, self.kappa, self.item_damping = people, kappa, item_damping
        self.mean = float(here.ratings.data.mean(dtype=np.float64)) if here.ratings.nnz else 0.0
        self.above_mean = here.less(self.mean)
        self.register_buffer("bias", torch.from_numpy(((here.expected - self.mean) / here.spread).astype(np.float32)))
        remember(self, dict(self.named_parameters()))

    def pretrained(self) -> list[RatingTower]:
        """Return the towers of the sources."""
        return [one for one in self.towers if isinstance(one, RatingTower)]

    def mapped(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (rows, 1 + d) of what the sources say."""
        vectors, known = [], []
        for name, tower, turn, offset in zip(self.names, self.pretrained(), self.turns, self.offsets, strict=True):
            told = self.people.sources[name].deviations[rows]
            known.append(told.getnnz(axis=1) > 0)
            vectors.append(tower(told) @ turn + offset)
        return mean_of_known(vectors, known)

    def vectors(self, rows: NDArray[np.int64], shown: sparse.csr_matrix) -> torch.Tensor:
        """Return vectors (rows, 1 + d) of people of whom these ratings (rows, items), less the mean, are known."""
        mapped = self.mapped(rows)
        if not shown.nnz:
            return mapped
        where, lengths = mapped.device, np.diff(shown.indptr)
        slots = np.arange(lengths.max())[None] < lengths[:, None]  # (rows, longest): ratings side by side
        items, left = np.zeros(slots.shape, np.int64), np.zeros(slots.shape, np.float32)
        items[slots], left[slots] = shown.indices, shown.data
        what, stored = torch.from_numpy(items).to(where), torch.from_numpy(slots.astype(np.float32)).to(where)
        towards = torch.cat([torch.ones_like(stored)[:, :, None], functional.embedding(what, self.items)], dim=2)
        towards = towards * stored[:, :, None]
        above = (torch.from_numpy(left).to(where) - self.bias[what]) * stored - (towards @ mapped[:, :, None])[:, :, 0]
        firm = self.kappa * torch.eye(mapped.shape[1], device=where)
        lhs, rhs = towards.transpose(1, 2) @ towards + firm, towards.transpose(1, 2) @ above[:, :, None]
        moved: torch.Tensor = torch.linalg.solve(lhs, rhs)[:, :, 0]
        return mapped + moved

    def predicted(self, vectors: torch.Tensor, asked: sparse.csr_matrix) -> torch.Tensor:
        """Return for each stored entry of ``asked`` what its rating is above the mean, in units of the spread."""
        return predicted(vectors, self.items, asked) + self.bias[places(asked)[1].to(self.bias.device)]

    def moved(self, part: str) -> torch.Tensor:
        """Return the squared distance of the parameters whose names begin so to where they began."""
        mine = [(name, held) for name, held in self.named_parameters() if name.startswith(part)]
        return torch.stack([distance(self, name, held) for name, held in mine]).sum()

    def settle(self, people: NDArray[np.int64]) -> None:
        """Make the biases of items: damped means of what these people's ratings are above what is said of them."""
        total, count = torch.zeros_like(self.bias), torch.zeros_like(self.bias)
        with torch.no_grad():
            for first in range(0, len(people), _BLOCK):
                rows = people[first : first + _BLOCK]
                above = self.above_mean[rows]
                said = predicted(self.vectors(rows, above), self.items, above)
                what = places(above)[1].to(total.device)
                total.index_add_(0, what, torch.from_numpy(above.data).to(total.device) - said)
                count.index_add_(0, what, torch.ones_like(said))
            self.bias.copy_(total / (count + self.item_damping).clamp(min=1e-9))

    def exported(self, transfer: Transfer) -> FactorModel:
        """Return what serves it, in units of the target's ratings: towers become encoders, and so do items."""
        rows, here = transfer.target.interactions, self.people.target
        bias = np.asarray(here.spread * self.bias.cpu().numpy(), np.float32)
        ones = np.ones((len(rows.items), 1), np.float32)
        items = np.hstack([ones, self.items.detach().cpu().numpy()])
        # the prior holds people, which are not drawn to zero besides
        encoders = {
            transfer.target.name: Encoder(
                rows.items, items, _SMALLEST, histories=rows.ratings, expected=np.float32(self.mean) + bias
            )
        }
        for pair, tower, turn, offset in zip(transfer.pairs, self.pretrained(), self.turns, self.offsets, strict=True):
            encoders[pair.source.name] = replace(
                tower.encoder(pair.source.interactions.items, self.people.sources[pair.source.name]),
                matrix=here.spread * turn.detach().cpu().numpy(),
                offset=here.spread * offset.detach().cpu().numpy(),
            )
        read = {name: one.histories for name, one in encoders.items() if one.histories is not None}
        found = Mix(prior_precision=self.kappa).people(encoders, transfer.target.name, read)
        nobody = np.zeros(len(found), np.float32)
        scale = RatingScale(self.mean, nobody, bias, float(rows.values.min()), float(rows.values.max()))
        roster = Roster.of(transfer).rating(scale)
        return FactorModel(roster, found, items, item_bias=bias, encoders=encoders, prior_precision=self.kappa)
