"""Fine-tuning: towers of the sources, one of the target, and the target's items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import (
    Carried,
    Context,
    Correction,
    Encoder,
    FactorModel,
    Mix,
    Ndcg,
    Ranking,
    Roster,
    Transfer,
    own_share,
    sealed,
)
from foretaste.solvers import top_k_dot
from foretaste_deep._bags import Bags, bag, masked
from foretaste_deep._losses import log_popularity, ranking_loss
from foretaste_deep._tower import HistoryTower
from foretaste_deep._training import Batch, Group, Schedule, device, threads, train

if TYPE_CHECKING:
    from foretaste_deep._finetune import Finetune

_UNSHOWN = 0.5
"""Share of the steps in which somebody's target rows are all to be told, as a newcomer's are."""
_MOST_JUDGES = 2000
"""So many people at most are held out."""


class Towers(nn.Module):
    """Of each source a tower, of the target's own histories another, and the vectors and biases of its items."""

    def __init__(self, sources: Mapping[str, HistoryTower], own: HistoryTower, popularity: NDArray[np.float64]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(sources.values())
        self.names = list(sources)
        self.own = own
        self.items = nn.Parameter(torch.zeros_like(own.items))
        self.bias = nn.Parameter(log_popularity(popularity))
        self.start = {n: p.detach().clone() for n, p in self.towers.named_parameters()}

    def source(self, name: str) -> HistoryTower:
        """Return the tower of one source."""
        return self.pretrained()[self.names.index(name)]

    def pretrained(self) -> list[HistoryTower]:
        """Return the towers of the sources."""
        return [one for one in self.towers if isinstance(one, HistoryTower)]

    def moved(self) -> torch.Tensor:
        """Return the squared distance of pretrained parameters to where they began."""
        parts = [((p - self.start[n].to(p.device)) ** 2).sum() for n, p in self.towers.named_parameters()]
        return torch.stack(parts).sum()


@dataclass(frozen=True, eq=False)
class People:
    """Histories of ones (users of the target, items) by source, and what they preferred in the target."""

    histories: Mapping[str, Bags]
    target: Bags

    def placed(self) -> NDArray[np.int64]:
        """Return (users,) the number of sources that know each person."""
        known = [one.histories.getnnz(axis=1) > 0 for one in self.histories.values()]
        return np.asarray(np.sum(known, axis=0), np.int64)


def finetuned(how: Finetune, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
    """Return the recommender of towers that were trained on the target.

    People who are held out say after how many epochs to stop; then everybody is trained on for as long.
    """
    task = Task.of(how, carried, transfer, context)
    judges = task.judges()
    epochs = how.epochs
    with threads(context.threads):
        if len(judges):
            epochs = task.best_epoch(judges)
        model = task.start()
        if epochs:
            task.train(model, task.taught, Schedule(epochs, how.batch))
    return _exported(model, how, task.people, transfer)


@dataclass(frozen=True, eq=False)
class Task:
    """One fine-tuning: how, from what, and on whose rows."""

    how: Finetune
    carried: Mapping[str, Carried]
    transfer: Transfer
    context: Context
    people: People
    preference: sparse.csr_matrix
    taught: NDArray[np.int64]
    where: torch.device

    @classmethod
    def of(cls, how: Finetune, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Task:
        """Bring histories and people into the form that training reads."""
        from foretaste_deep._finetune import ones, rarity

        rows = transfer.target.interactions
        preference = ones(rows.preference)
        histories = {
            p.source.name: Bags(ones(p.source_history), carried[p.source.name].arrays["weights"])
            for p in transfer.pairs
        }
        target = Bags(preference, rarity(rows.popularity, int((rows.history > 0).sum())))
        taught = np.flatnonzero(preference.getnnz(axis=1) > 0)
        where = device(context.device)
        return cls(how, carried, transfer, context, People(histories, target), preference, taught, where)

    def start(self) -> Towers:
        """Return the model as it is before fine-tuning."""
        sources = {name: HistoryTower.of(_tower_arrays(one)) for name, one in self.carried.items()}
        generator = torch.Generator().manual_seed(self.context.seed)
        own = HistoryTower(self.preference.shape[1], self.how.factors, 0, generator)
        return Towers(sources, own, self.transfer.target.interactions.popularity).to(self.where)

    def judges(self) -> NDArray[np.int64]:
        """Return who is held out to say when to stop: people of whom a source knows something, if there are any."""
        placed = self.people.placed() > 0
        pool = self.taught[placed[self.taught]]
        pool = pool if len(pool) else self.taught
        order = self.context.rng(22).permutation(pool)
        return np.sort(order[: min(int(self.how.held * len(pool)), _MOST_JUDGES)])

    def best_epoch(self, judges: NDArray[np.int64]) -> int:
        """Return after how many epochs people who were held out are served best; 0 is before the first."""
        newcomers = (self.people.placed() > 0) & (self.preference.getnnz(axis=1) == 0)
        theirs = self.preference[judges]
        # asked as the people are who will be served: newcomers where there are some, else with half of their rows
        asked = self.context.rng(23).random(theirs.nnz) < (0.0 if newcomers.any() else 0.5)
        shown, truth = masked(theirs, asked), masked(theirs, ~asked)
        popularity = self.transfer.target.interactions.popularity
        model = self.start()

        def figure() -> float:
            with torch.no_grad():
                vectors = _vectors(model, self.how, self.people, judges, shown, self.where).cpu().numpy()
                items, bias = model.items.cpu().numpy(), model.bias.cpu().numpy()
            best, _ = top_k_dot(vectors, items, min(10, len(bias)), bias=bias, exclude=shown)
            seen = Ranking(best, truth, popularity, max(1, len(self.taught)))
            return Ndcg(10).aggregate(Ndcg(10).values(seen), seen)

        schedule = Schedule(self.how.epochs, self.how.batch, self.how.patience)
        return self.train(model, np.setdiff1d(self.taught, judges), schedule, figure)

    def train(
        self,
        model: Towers,
        learners: NDArray[np.int64],
        schedule: Schedule,
        figure: Callable[[], float] | None = None,
    ) -> int:
        """Train on these people, and return the best epoch."""
        how, rng = self.how, self.context.rng(21)

        def cost(batch: Batch) -> torch.Tensor:
            share = np.where(rng.random(len(batch)) < _UNSHOWN, 0, rng.random(len(batch)))
            told = self.preference[batch]
            visible = rng.random(told.nnz) < np.repeat(share, np.diff(told.indptr))
            vectors = _vectors(model, how, self.people, batch, masked(told, visible), self.where, rng)
            lost = ranking_loss(how.loss, vectors, model.items, model.bias, masked(told, ~visible), how.negatives, rng)
            return lost + how.regularization * (model.items**2).sum() + how.pull * model.moved()

        place = f"{how.name}: {self.transfer.target.name}"
        return train(place, model, cost, learners, _groups(model, how), schedule, rng, self.context, figure)


def _tower_arrays(carried: Carried) -> dict[str, NDArray[np.float32]]:
    return {name: carried.arrays[name] for name in ("items", "inner", "inner_offset", "outer")}


def _groups(model: Towers, how: Finetune) -> list[Group]:
    new = [model.items, model.bias, *model.own.parameters()]
    layers = [p for tower in model.pretrained() for p in tower.layers()]
    embedded = [tower.items for tower in model.pretrained()]
    rate = how.encoder_rate * how.learning_rate
    groups = [Group(new, how.learning_rate)]
    return [*groups, Group(layers, rate, how.thaw // 2), Group(embedded, rate, how.thaw)] if rate else groups


def _vectors(
    model: Towers,
    how: Finetune,
    people: People,
    rows: NDArray[np.int64],
    shown: sparse.csr_matrix,
    where: torch.device,
    rng: np.random.Generator | None = None,
) -> torch.Tensor:
    """Return vectors (rows, d) as Mix makes them; with ``rng`` a part of each source history is left out."""
    total = torch.zeros(len(rows), how.factors, device=where)
    count = np.zeros(len(rows))
    for name, told in people.histories.items():
        known = told.histories[rows].getnnz(axis=1) > 0
        vectors = model.source(name)(told.of(rows, where, rng, how.dropout))
        total = total + vectors * torch.from_numpy(known.astype(np.float32)).to(where)[:, None]
        count += known
    mapped = total / torch.from_numpy(np.maximum(count, 1).astype(np.float32)).to(where)[:, None]
    trust = np.where(count > 0, own_share(shown.getnnz(axis=1), how.kappa), 1.0).astype(np.float32)
    share = torch.from_numpy(trust).to(where)[:, None]
    own: torch.Tensor = model.own(bag(shown, people.target.weights, where))
    return share * own + (1 - share) * mapped


def _exported(model: Towers, how: Finetune, people: People, transfer: Transfer) -> FactorModel:
    rows, encoders = transfer.target.interactions, {}
    for pair in transfer.pairs:
        arrays = model.source(pair.source.name).arrays()
        bend = Correction(arrays["inner"], arrays["inner_offset"], arrays["outer"]) if how.units else None
        told = people.histories[pair.source.name]
        encoders[pair.source.name] = Encoder(
            pair.source.interactions.items,
            sealed(arrays["items"]),
            histories=pair.source_history,
            item_weights=told.weights,
            unit_length=True,
            correction=bend,
            linear=True,
        )
    encoders[transfer.target.name] = Encoder(
        rows.items,
        sealed(model.own.arrays()["items"]),
        histories=rows.preference,
        item_weights=people.target.weights,
        unit_length=True,
        linear=True,
    )
    read = {name: one.histories for name, one in encoders.items() if one.histories is not None}
    found = Mix(how.kappa).people(encoders, transfer.target.name, read)
    items, bias = (one.detach().cpu().numpy().copy() for one in (model.items, model.bias))
    return FactorModel(Roster.of(transfer), found, items, item_bias=bias, encoders=encoders, kappa=how.kappa)
