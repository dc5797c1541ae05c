"""What a source teaches by itself: to tell from some of a person's items which others they had."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import Context
from foretaste_deep._bags import Bags
from foretaste_deep._losses import Loss, log_popularity, ranking_loss
from foretaste_deep._tower import HistoryTower
from foretaste_deep._training import Batch, Group, Schedule, device, threads, train


class Autoencoder(nn.Module):
    """A tower, and item vectors and biases for what comes out of it."""

    def __init__(self, tower: HistoryTower, popularity: NDArray[np.float64]) -> None:
        super().__init__()
        self.tower = tower
        self.items = nn.Parameter(torch.zeros_like(tower.items))
        self.bias = nn.Parameter(log_popularity(popularity))


def pretrained(
    place: str,
    preference: sparse.csr_matrix,
    weights: NDArray[np.float32],
    *,
    factors: int,
    units: int,
    loss: Loss,
    negatives: int,
    dropout: float,
    learning_rate: float,
    schedule: Schedule,
    context: Context,
) -> HistoryTower:
    """Return a tower that was trained to predict histories (people, items) from a part of them (Liang et al.,
    Variational autoencoders for collaborative filtering, WWW 2018, the denoising autoencoder there).
    """
    where, rng = device(context.device), context.rng(20)
    popularity = preference.getnnz(axis=0).astype(np.float64)
    tower = HistoryTower(preference.shape[1], factors, units, torch.Generator().manual_seed(context.seed))
    model = Autoencoder(tower, popularity).to(where)
    bags = Bags(preference, weights)
    people = np.flatnonzero(preference.getnnz(axis=1) > 0)

    def cost(batch: Batch) -> torch.Tensor:
        vectors = model.tower(bags.of(batch, where, rng, dropout))
        return ranking_loss(loss, vectors, model.items, model.bias, preference[batch], negatives, rng)

    with threads(context.threads):
        train(place, model, cost, people, [Group(list(model.parameters()), learning_rate)], schedule, rng, context)
    return model.tower
