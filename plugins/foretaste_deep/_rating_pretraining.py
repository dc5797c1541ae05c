"""What a source's ratings teach by themselves: to predict some of a person's from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from foretaste import Context
from foretaste_deep._adam import Group
from foretaste_deep._histories import masked
from foretaste_deep._rated import Rated
from foretaste_deep._rating_tower import RatingTower, predicted, small_vectors, squared_error
from foretaste_deep._training import Batch, Schedule, device, threads, train

if TYPE_CHECKING:
    from foretaste_deep._ratings import Ratings

_SHOWN = (0.3, 0.9)
"""Of each batch, the least and the greatest share of ratings that is shown."""


class RatingAutoencoder(nn.Module):
    """A tower, and vectors of the items that it predicts ratings of."""

    def __init__(self, tower: RatingTower, generator: torch.Generator) -> None:
        super().__init__()
        self.tower = tower
        items, width = tower.items.shape
        self.items = nn.Parameter(small_vectors(items, width - 1, generator))


def pretrained_tower(how: Ratings, source: str, rated: Rated, context: Context) -> RatingTower:
    """Return a tower that was trained to predict what ratings deviate, from a part of them."""
    where, rng = device(context.device), context.rng(20)
    generator = torch.Generator().manual_seed(context.seed)
    tower = RatingTower(rated.ratings.shape[1], how.factors, how.damping, generator)
    began = functional.pad(torch.ones(len(tower.items), 1), (0, how.factors)).to(where)
    model = RatingAutoencoder(tower, generator).to(where)
    people = np.flatnonzero(rated.length > 1)
    firm = how.regularization / max(len(people), 1)

    def cost(batch: Batch) -> torch.Tensor:
        told = rated.deviations[batch]
        shown = rng.random(told.nnz) < rng.uniform(*_SHOWN)
        asked = masked(told, ~shown)
        lost = squared_error(predicted(tower(masked(told, shown)), model.items, asked), asked)
        return lost + firm * ((model.items**2).sum() + ((tower.items - began) ** 2).sum())

    groups = [Group(list(model.parameters()), how.source_learning_rate)]
    schedule = Schedule(how.source_epochs, how.batch, seconds=context.budget.seconds)
    with threads(context.threads):
        train(f"{how.name}: {source}", model, cost, people, groups, schedule, rng, context, stage="source")
    return tower
