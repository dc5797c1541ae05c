"""What a source teaches by itself: to tell from some of a person's items which others they had."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from foretaste import Context, Domain
from foretaste_deep._adam import Group
from foretaste_deep._bags import Bags
from foretaste_deep._decoder import Decoder
from foretaste_deep._description import TOKENS_RANKED, TOKENS_READ, Description, Told
from foretaste_deep._losses import ranking_loss
from foretaste_deep._tower import HistoryTower
from foretaste_deep._training import Batch, Schedule, device, threads, train

if TYPE_CHECKING:
    from foretaste_deep._finetune import Finetune


class PeopleTable(nn.Module):
    """A vector for each person, and what it is to rank."""

    def __init__(self, people: int, popularity: NDArray[np.int64], factors: int, generator: torch.Generator) -> None:
        super().__init__()
        self.people = nn.Parameter(torch.randn(people, factors, generator=generator) / factors**0.5)
        self.decoder = Decoder(factors, popularity)

    def vectors(self, rows: torch.Tensor) -> torch.Tensor:
        """Return vectors (n, d) of these people."""
        return self.people.index_select(0, rows)


def pretrained_tower(
    how: Finetune, source: Domain, preference: sparse.csr_matrix, weights: NDArray[np.float32], context: Context
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    """Return the arrays of a tower that was trained to predict histories (people, items) from a part of them, and the
    names of the tokens that it learnt (Liang et al., Variational autoencoders for collaborative filtering, WWW 2018,
    the denoising autoencoder there).
    """
    where, rng = device(context.device), context.rng(20)
    told = Told.of(source, context) if how.features else None
    read = None if told is None else Description.blank(told.matrix, how.factors)
    given = None if told is None else Description.blank(told.matrix, how.factors)
    generator = torch.Generator().manual_seed(context.seed)
    tower = HistoryTower(preference.shape[1], how.factors, how.units, generator, read)
    decoder, bags = Decoder(how.factors, preference.getnnz(axis=0), given), Bags(preference, weights)
    tower.sparse = decoder.sparse = how.sparse and told is None
    model = nn.ModuleList([tower, decoder]).to(where)

    def cost(batch: Batch) -> torch.Tensor:
        vectors = tower(bags.of(batch, where, rng, how.dropout))
        return ranking_loss(how.loss, vectors, decoder.ranked(), preference[batch], how.negatives, rng)

    rate, tables = how.source_learning_rate, [tower.items, decoder.items]
    others = [p for p in model.parameters() if all(p is not one for one in tables)]
    groups = [Group(tables, rate, sparse=tower.sparse), Group(others, rate)]
    _train(how, source.name, model, groups, cost, preference, rng, context)
    learnt = {TOKENS_READ: read, TOKENS_RANKED: given}
    tokens = {name: one.tokens.detach().cpu().numpy().copy() for name, one in learnt.items() if one is not None}
    return tower.arrays() | tokens, () if told is None else told.names


def pretrained_people(
    how: Finetune, source: str, preference: sparse.csr_matrix, context: Context
) -> NDArray[np.float32]:
    """Return (people, d) vectors that rank what each of them had, of length 1."""
    where, rng = device(context.device), context.rng(20)
    generator = torch.Generator().manual_seed(context.seed)
    model = PeopleTable(preference.shape[0], preference.getnnz(axis=0), how.factors, generator).to(where)

    def cost(batch: Batch) -> torch.Tensor:
        vectors = functional.normalize(model.vectors(torch.from_numpy(batch).to(where)), dim=1)
        return ranking_loss(how.loss, vectors, model.decoder.ranked(), preference[batch], how.negatives, rng)

    groups = [Group(list(model.parameters()), how.source_learning_rate)]
    _train(how, source, model, groups, cost, preference, rng, context)
    found = functional.normalize(model.people.detach(), dim=1).cpu().numpy()
    found[preference.getnnz(axis=1) == 0] = 0
    return np.asarray(found, np.float32)


def _train(
    how: Finetune,
    source: str,
    model: nn.Module,
    groups: list[Group],
    cost: Callable[[Batch], torch.Tensor],
    preference: sparse.csr_matrix,
    rng: np.random.Generator,
    context: Context,
) -> None:
    people = np.flatnonzero(preference.getnnz(axis=1) > 0)
    schedule = Schedule(how.source_epochs, how.batch, seconds=context.budget.seconds, mixed=how.mixed_precision)
    with threads(context.threads):
        train(f"{how.name}: {source}", model, cost, people, groups, schedule, rng, context, stage="source")
