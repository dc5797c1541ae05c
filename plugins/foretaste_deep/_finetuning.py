"""Fine-tuning: what was carried becomes the source towers that training on the target begins with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from foretaste import Carried, Context, Transfer
from foretaste_deep._description import TOKENS_RANKED, TOKENS_READ, Description, Told
from foretaste_deep._factors import Factors, known_people
from foretaste_deep._finetune import Finetune
from foretaste_deep._learner import People
from foretaste_deep._movement import Movement
from foretaste_deep._scorer import Scorer
from foretaste_deep._task import Task
from foretaste_deep._tower import HistoryTower
from foretaste_deep._towers import Towers


def finetuning(how: Finetune, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Task:
    """Return the training of what begins as it was carried."""
    carried = {pair.source.name: carried[pair.source.name] for pair in transfer.pairs}  # in one order, whoever asks
    movement = Movement(how.learning_rate, how.encoder_rate, how.thaw, how.pull, how.regularization, how.sparse)
    if how.model == "factors":
        return _of_factors(how, movement, carried, transfer, context)
    people = People.of(transfer, {name: one.arrays["weights"] for name, one in carried.items()})
    told = Told.of(transfer.target, context) if how.features else None

    def described(part: str) -> Description | None:
        return None if told is None else Description(told.matrix, told.start(how.factors, part, carried))

    def start() -> Towers:
        generator = torch.Generator().manual_seed(context.seed)
        sources = {name: HistoryTower.of(one.arrays) for name, one in carried.items()}
        own = HistoryTower(transfer.target.interactions.shape[1], how.factors, 0, generator, described(TOKENS_READ))
        for tower in sources.values():
            tower.adapt(how.rank, generator)
        ranked, scorer = described(TOKENS_RANKED), _scorer(how, generator)
        return Towers(sources, own, people, movement, how.kappa, how.dropout, scorer, ranked)

    return Task(how, transfer, context, people, start)


def _of_factors(
    how: Finetune, movement: Movement, carried: Mapping[str, Carried], transfer: Transfer, context: Context
) -> Task:
    every = {pair.source.name: np.ones(pair.source.interactions.shape[1], np.float32) for pair in transfer.pairs}
    people, known = People.of(transfer, every), known_people(carried, transfer)

    def start() -> Factors:
        generator = torch.Generator().manual_seed(context.seed)
        return Factors(known, people, movement, how.private, _scorer(how, generator))

    return Task(how, transfer, context, people, start)


def _scorer(how: Finetune, generator: torch.Generator) -> Scorer | None:
    return Scorer(how.factors, how.scorer_units, generator) if how.scorer_units else None
