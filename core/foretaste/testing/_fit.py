"""A strategy fitted and judged without a platform."""

from __future__ import annotations

import numpy as np

from foretaste.data import Transfer
from foretaste.evaluation import hold_out, score
from foretaste.experiment import NewcomersHoldout
from foretaste.metrics import Ndcg
from foretaste.recommender import HistoryModel, Recommender, Roster
from foretaste.strategy import Context, Strategy, check_recommender


def fit_once(strategy: Strategy, transfer: Transfer, context: Context | None = None) -> Recommender:
    """Pretrain on each source and adapt; StrategyError unless a Recommender with finite arrays comes out."""
    context = context or Context(device="cpu")
    carried = {pair.source.name: strategy.pretrain(pair.source, context) for pair in transfer.pairs}
    return check_recommender(strategy.adapt(carried, transfer, context), strategy)


def newcomer_lift(strategy: Strategy, transfer: Transfer, context: Context | None = None) -> float:
    """Return mean ndcg@5 minus that of popularity, for a third of the shared people whose target rows are hidden."""
    context = context or Context(device="cpu")
    held = hold_out(transfer, NewcomersHoldout(fraction=1 / 3), context.seed)
    bias = np.log1p(held.train.target.interactions.popularity).astype(np.float32)
    popular = HistoryModel(Roster.of(held.train).without_source(), bias)
    metric = Ndcg(5)
    mine, theirs = (score(one, held, [metric]).overall for one in (fit_once(strategy, held.train, context), popular))
    return mine[metric.label] - theirs[metric.label]
