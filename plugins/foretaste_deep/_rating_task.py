"""Fine-tuning on ratings: when to stop is asked of people who are held out, then everybody is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from foretaste import Carried, Context, FactorModel, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._held_out import JUDGED_SECONDS, held_out, hidden
from foretaste_deep._histories import masked
from foretaste_deep._rated import Rated, ratings_brought
from foretaste_deep._rating_tower import RatingTower, squared_error
from foretaste_deep._rating_towers import RatedPeople, RatingTowers
from foretaste_deep._training import Batch, Schedule, device, threads, train

if TYPE_CHECKING:
    from foretaste_deep._ratings import Ratings

_MEASURE = "error explained"
"""1 - squared error / that of the mean."""


@dataclass(frozen=True, eq=False)
class RatingTask:
    """One fine-tuning: how, from what, and on whose ratings."""

    how: Ratings
    carried: Mapping[str, Carried]
    transfer: Transfer
    context: Context
    people: RatedPeople

    @classmethod
    def of(cls, how: Ratings, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> RatingTask:
        """Bring ratings into the form that training reads."""
        sources = {}
        for pair in transfer.pairs:
            one = carried[pair.source.name]
            sources[pair.source.name] = Rated(ratings_brought(pair), one.arrays["expected"], float(one.meta["spread"]))
        target = Rated.of(transfer.target.interactions.ratings, how.item_damping)
        return cls(how, carried, transfer, context, RatedPeople(sources, target))

    def start(self) -> RatingTowers:
        """Return the model as it is before fine-tuning."""
        how = self.how
        names = [pair.source.name for pair in self.transfer.pairs]
        towers = {name: RatingTower.of(self.carried[name].arrays["items"], how.damping) for name in names}
        model = RatingTowers(towers, self.people, how.factors, how.kappa, how.item_damping)
        return model.to(device(self.context.device))

    def fitted(self) -> FactorModel:
        """Train, and return what serves it."""
        everybody = np.flatnonzero(self.people.target.length > 0)
        with threads(self.context.threads):
            judges, epochs = self.judges(), self.how.epochs
            if len(judges):
                epochs = self.best_epoch(np.setdiff1d(everybody, judges), judges)
            model = self.start()
            self.train(model, everybody, self.schedule(epochs))
            model.settle(everybody)
            return model.exported(self.transfer)

    def schedule(self, epochs: int, patience: int = 0, share: float = 1.0) -> Schedule:
        """Return the schedule of so many epochs at most, in this share of the budget."""
        how, seconds = self.how, self.context.budget.seconds
        limit = None if seconds is None else share * seconds
        return Schedule(epochs, how.batch, patience, decay="cosine", horizon=how.epochs, seconds=limit)

    def judges(self) -> NDArray[np.int64]:
        """Return who is held out to say when to stop: people of whom a source knows something, if there are any."""
        rated = self.people.target.length > 0
        return held_out(rated, self.people.placed() > 0, self.how.held, self.context.rng(22))

    def best_epoch(self, learners: NDArray[np.int64], judges: NDArray[np.int64]) -> int:
        """Return after how many epochs people who were held out are predicted best; 0 is before the first."""
        newcomers = (self.people.placed() > 0) & (self.people.target.length == 0)
        model = self.start()
        above = model.above_mean[judges]
        # asked as the people are who will be served: newcomers where there are some, else with half of their ratings
        shown = self.context.rng(23).random(above.nnz) < (0.0 if newcomers.any() else 0.5)
        asked = masked(above, ~shown)
        usual = float(squared_error(torch.zeros(asked.nnz), asked))

        def figure() -> float:
            model.settle(learners)
            with torch.no_grad():
                said = model.predicted(model.vectors(judges, masked(above, shown)), asked)
                return 1 - float(squared_error(said, asked)) / max(usual, 1e-9)

        schedule = self.schedule(self.how.epochs, self.how.patience, JUDGED_SECONDS)
        return self.train(model, learners, schedule, figure)

    def train(
        self,
        model: RatingTowers,
        learners: NDArray[np.int64],
        schedule: Schedule,
        figure: Callable[[], float] | None = None,
    ) -> int:
        """Train on what these people rated, and return the best epoch."""
        rng, steps = self.context.rng(21), 0

        def cost(batch: Batch) -> torch.Tensor:
            nonlocal steps
            if figure is None and steps % max(1, -(-len(learners) // schedule.batch)) == 0:
                model.settle(learners)  # a figure has done so already
            steps += 1
            shown, asked = hidden(model.above_mean[batch], rng)
            said = model.predicted(model.vectors(batch, shown), asked)
            return squared_error(said, asked) + self.penalty(model) / max(len(learners), 1)

        place, stage = f"{self.how.name}: {self.transfer.target.name}", "all" if figure is None else "judged"
        return train(
            place, model, cost, learners, self.groups(model), schedule, rng, self.context, figure, stage=stage,
            measure=_MEASURE,
        )  # fmt: skip

    def groups(self, model: RatingTowers) -> list[Group]:
        """Return what is trained, and how fast."""
        how = self.how
        new = Group([model.items, *model.turns, *model.offsets], how.learning_rate)
        rate = how.encoder_rate * how.learning_rate
        return [new, Group(list(model.towers.parameters()), rate, how.thaw)] if rate else [new]

    def penalty(self, model: RatingTowers) -> torch.Tensor:
        """Return what large or far moved parameters cost."""
        length = self.how.regularization * (model.items**2).sum()
        return length + self.how.pull * (model.moved("towers.") + model.moved("turns."))
