"""Fine-tuning: what was carried becomes the source towers that training on the target begins with."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from foretaste import Carried, Context, Transfer
from foretaste_deep._finetune import Finetune
from foretaste_deep._learner import People
from foretaste_deep._task import Task
from foretaste_deep._tower import HistoryTower
from foretaste_deep._towers import Movement, Towers


def finetuning(how: Finetune, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Task:
    """Return the training of towers that begin as they were carried."""
    people = People.of(transfer, {name: one.arrays["weights"] for name, one in carried.items()})
    movement = Movement(how.learning_rate, how.encoder_rate, how.thaw, how.pull, how.regularization)

    def start() -> Towers:
        generator = torch.Generator().manual_seed(context.seed)
        sources = {name: HistoryTower.of(one.arrays) for name, one in carried.items()}
        own = HistoryTower(transfer.target.interactions.shape[1], how.factors, 0, generator)
        for tower in sources.values():
            tower.adapt(how.rank, generator)
        return Towers(sources, own, people, movement, how.kappa, how.dropout)

    return Task(how, transfer, context, people, start)
