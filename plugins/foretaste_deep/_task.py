"""Training on the target: when to stop is asked of people who are held out, then everybody is trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Context, FactorModel, Ndcg, Ranking, Transfer
from foretaste.solvers import top_k, top_k_dot
from foretaste_deep._deep import Deep
from foretaste_deep._held_out import JUDGED_SECONDS, held_out, hidden
from foretaste_deep._histories import masked
from foretaste_deep._learner import Learner, People
from foretaste_deep._losses import ranking_loss
from foretaste_deep._training import Batch, Schedule, device, threads, train


@dataclass(frozen=True, eq=False)
class Task:
    """One training: how, whose rows, and what is trained (made by ``start``, always the same)."""

    how: Deep
    transfer: Transfer
    context: Context
    people: People
    start: Callable[[], Learner]

    @property
    def preference(self) -> sparse.csr_matrix:
        """(users, items) ones for what people preferred."""
        return self.people.target.histories

    def fitted(self) -> FactorModel:
        """Train, and return what serves it."""
        with threads(self.context.threads):
            judges, epochs = self.judges(), self.how.epochs
            learner = self.made()
            if len(judges):
                judged = self.made()
                epochs = self.best_epoch(judged, judges)
                learner.follow(judged)
            if epochs:
                self.train(learner, self.preference, self.schedule(epochs))
            return learner.exported(self.transfer)

    def made(self) -> Learner:
        """Return what is trained, where it is trained."""
        return self.start().to(device(self.context.device))

    def schedule(self, epochs: int, patience: int = 0, share: float = 1.0) -> Schedule:
        """Return the schedule of so many epochs at most, in this share of the budget."""
        how, seconds = self.how, self.context.budget.seconds
        return Schedule(
            epochs,
            how.batch,
            patience,
            decay=how.decay,
            horizon=how.epochs,
            seconds=None if seconds is None else share * seconds,
            mixed=how.mixed_precision,
        )

    def judges(self) -> NDArray[np.int64]:
        """Return who is held out to say when to stop: people of whom a source knows something, if there are any."""
        taught = self.preference.getnnz(axis=1) > 0
        return held_out(taught, self.people.placed() > 0, self.how.held, self.context.rng(22))

    def best_epoch(self, learner: Learner, judges: NDArray[np.int64]) -> int:
        """Train, and return after how many epochs people who were held out are served best; 0 is before the first."""
        newcomers = (self.people.placed() > 0) & (self.preference.getnnz(axis=1) == 0)
        theirs = self.preference[judges]
        # asked as the people are who will be served: newcomers where there are some, else with half of their rows
        asked = self.context.rng(23).random(theirs.nnz) < (0.0 if newcomers.any() else 0.5)
        shown, truth = masked(theirs, asked), masked(theirs, ~asked)
        popularity = self.transfer.target.interactions.popularity
        taught = masked(self.preference, _taught(self.preference, judges, asked))

        def figure() -> float:
            with torch.no_grad():
                best = _best(learner, judges, shown)
            seen = Ranking(best, truth, popularity, max(1, int((taught.getnnz(axis=1) > 0).sum())))
            return Ndcg(10).aggregate(Ndcg(10).values(seen), seen)

        schedule = self.schedule(self.how.epochs, self.how.patience, JUDGED_SECONDS)
        return self.train(learner, taught, schedule, figure, "judged")

    def train(
        self,
        learner: Learner,
        taught: sparse.csr_matrix,
        schedule: Schedule,
        figure: Callable[[], float] | None = None,
        stage: str = "all",
    ) -> int:
        """Train on these rows (users, items), and return the best epoch."""
        how, rng, steps = self.how, self.context.rng(21), _Steps()
        learners = np.flatnonzero(taught.getnnz(axis=1) > 0)
        each = -(-len(learners) // how.batch)

        def cost(batch: Batch) -> torch.Tensor:
            shown, asked = hidden(taught[batch], rng)
            vectors = learner.vectors(batch, shown, rng)
            cost = ranking_loss(how.loss, vectors, learner.ranked(), asked, how.negatives, rng)
            return learner.whole(cost, *divmod(steps.next(), each), rng)

        place = f"{how.name}: {self.transfer.target.name}"
        return train(
            place,
            learner,
            cost,
            learners,
            learner.groups(),
            schedule,
            rng,
            self.context,
            figure,
            stage=stage,
            memory=steps,
        )


class _Steps:
    """How many steps were taken: see Memory."""

    def __init__(self) -> None:
        self.taken = 0

    def next(self) -> int:
        """Return the number of a step, the first of which is 0."""
        self.taken += 1
        return self.taken - 1

    def state(self) -> dict[str, Any]:
        """See Memory.state."""
        return {"taken": self.taken}

    def restore(self, state: dict[str, Any]) -> None:
        """See Memory.restore."""
        self.taken = int(state["taken"])


def _taught(preference: sparse.csr_matrix, judges: NDArray[np.int64], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which stored entries are trained on: all but those that judges are to be told."""
    kept = np.ones(preference.nnz, bool)
    theirs = np.repeat(np.isin(np.arange(preference.shape[0]), judges), np.diff(preference.indptr))
    kept[theirs] = asked
    return kept


def _best(learner: Learner, people: NDArray[np.int64], shown: sparse.csr_matrix) -> NDArray[np.int64]:
    """Return the ten best items of each person, without those shown."""
    vectors, ranked = learner.vectors(people, shown), learner.ranked()
    m = len(ranked.bias)
    if ranked.scorer is None:
        arrays = [one.cpu().numpy() for one in (vectors, ranked.vectors, ranked.bias)]
        return top_k_dot(arrays[0], arrays[1], min(10, m), bias=arrays[2], exclude=shown)[0]

    def block(start: int, stop: int, out: NDArray[np.float32]) -> None:
        out[:] = ranked.every(vectors[start:stop]).cpu().numpy()

    return top_k(block, len(people), m, min(10, m), exclude=shown)[0]
