"""Training by turns: what domains share is negotiated among them, what is a task's own is held to others (MAMDR)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from scipy import sparse
from torch import nn

from foretaste import Context, Transfer
from foretaste_deep._domains import Domains
from foretaste_deep._everyone import Everyone
from foretaste_deep._held_out import UNSHOWN, hidden
from foretaste_deep._learner import Learner, People
from foretaste_deep._losses import ranking_loss
from foretaste_deep._multi import Multi
from foretaste_deep._task import Task
from foretaste_deep._training import Batch, Schedule, train

_FEWER = 4
"""A task's own residuals have a fraction of the steps that are negotiated."""


def negotiation(how: Multi, transfer: Transfer, context: Context) -> Task:
    """Return the training of all domains."""
    everyone = Everyone.of(transfer)
    weights = {name: told.weights for name, told in zip(everyone.names, everyone.domains, strict=True)}

    def start() -> Domains:
        return Domains(everyone, how, torch.Generator().manual_seed(context.seed))

    return Negotiation(how, transfer, context, People.of(transfer, weights), start)


class Negotiation(Task):
    """A task of which each epoch is a round of all domains."""

    def train(
        self,
        learner: Learner,
        taught: sparse.csr_matrix,
        schedule: Schedule,
        figure: Callable[[], float] | None = None,
        stage: str = "all",
    ) -> int:
        """See Task.train."""
        domains, rng = cast(Domains, learner), self.context.rng(21)
        domains.everyone = everyone = domains.everyone.with_target(taught)
        turns, length = Turns(domains), everyone.domains[domains.target].mean_length

        def cost(batch: Batch) -> torch.Tensor:
            # newcomers are asked about in the target alone: a source is to teach its own tower
            unshown = UNSHOWN if turns.place == domains.target else 0.0
            shown, asked = hidden(everyone.domains[turns.place].histories[batch], rng, unshown)
            vectors = domains.read(turns.place, turns.task, batch, shown, rng)
            found = ranking_loss(self.how.loss, vectors, domains.items(turns.place), asked, self.how.negatives, rng)
            return found * (length / max(everyone.domains[turns.place].mean_length, 1)) + domains.penalty()

        place, people = f"{self.how.name}: {self.transfer.target.name}", turns.people[domains.target]
        groups, context = domains.groups(), self.context
        return train(
            place, domains, cost, people, groups, schedule, rng, context, figure, stage=stage, rounds=turns.epoch
        )


class Turns:
    """The batches of an epoch; while one is trained on, ``place`` says of which domain it is, ``task`` whose residuals
    read it.
    """

    def __init__(self, domains: Domains) -> None:
        self.domains = domains
        self.people = [domains.everyone.in_domain(place) for place in range(domains.target + 1)]
        self.steps = -(-len(self.people[domains.target]) // domains.how.batch)
        self.place = self.task = domains.target

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Return the batches."""
        everywhere = [place for place, known in enumerate(self.people) if len(known)]
        with self._moving(self.domains.shared()):
            for place in rng.permutation(everywhere):
                yield from self._turn(place, place, self.steps, rng)
        for task in everywhere:
            others = rng.permutation([place for place in everywhere if place != task])
            with self._moving([self.domains.own[task]]):
                for place in [*others[: self.domains.how.helpers], task]:
                    yield from self._turn(place, task, -(-self.steps // _FEWER), rng)

    def _turn(self, place: int, task: int, steps: int, rng: np.random.Generator) -> Iterator[Batch]:
        self.place, self.task = place, task
        people, size = self.people[place], min(self.domains.how.batch, len(self.people[place]))
        return (rng.choice(people, size, replace=False, shuffle=False) for _ in range(steps))

    @contextmanager
    def _moving(self, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
        """Let these learn and nothing else, and in the end keep a part of how far they went."""
        for one in self.domains.parameters():
            one.requires_grad_(False)
        for one in parameters:
            one.requires_grad_(True)
        began = [one.detach().clone() for one in parameters]
        yield
        with torch.no_grad():
            for one, before in zip(parameters, began, strict=True):
                one.copy_(torch.lerp(before, one, self.domains.how.outer_rate))
