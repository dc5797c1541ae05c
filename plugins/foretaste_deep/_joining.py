"""Joint training: source towers that learn from the source's people and from the target's at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from foretaste import Context, Domain, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._bags import Bags
from foretaste_deep._balance import EVERY, Balance
from foretaste_deep._decoder import Decoder
from foretaste_deep._histories import ones, rarity
from foretaste_deep._joint import Joint
from foretaste_deep._learner import Learner, People
from foretaste_deep._losses import ranking_loss
from foretaste_deep._movement import Movement
from foretaste_deep._parallel import Crew
from foretaste_deep._task import Task
from foretaste_deep._tower import HistoryTower
from foretaste_deep._towers import Towers


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a source teaches by itself: histories of its people, and who of them has one."""

    told: Bags
    people: NDArray[np.int64]

    @classmethod
    def of(cls, source: Domain) -> Lesson:
        """Read it."""
        rows = source.interactions
        told = Bags(ones(rows.preference), rarity(rows))
        return cls(told, np.flatnonzero(told.histories.getnnz(axis=1) > 0))

    def drawn(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return some of these people."""
        return rng.choice(self.people, min(count, len(self.people)), replace=False, shuffle=False)


class JointTowers(Towers):
    """Towers of which those of the sources have the sources' own tasks beside the target's."""

    def __init__(
        self, sources: Mapping[str, HistoryTower], own: HistoryTower, people: People, lessons: Mapping[str, Lesson],
        joint: Joint, context: Context,
    ) -> None:  # fmt: skip
        movement = Movement(joint.learning_rate, joint.encoder_rate, regularization=joint.regularization)
        super().__init__(sources, own, people, movement, joint.kappa, joint.dropout)
        self.joint, self.lessons, self.context = joint, lessons, context
        popularity = {name: one.told.histories.getnnz(axis=0) for name, one in lessons.items()}
        self.decoders = nn.ModuleList(Decoder(joint.factors, popularity[name]) for name in sources)
        self.balance = Balance(joint.balance, joint.alpha, joint.epochs, len(sources))
        self.length = people.target.mean_length

    def groups(self) -> list[Group]:
        """See Learner.groups."""
        return [*super().groups(), Group(list(self.decoders.parameters()), self.joint.source_learning_rate)]

    def whole(self, target: torch.Tensor, epoch: int, step: int, rng: np.random.Generator) -> torch.Tensor:
        """See Learner.whole."""
        if step == 0:
            self.guard(epoch)
        parts = self.balance.parts(epoch)
        costs = {place: self.lesson(place, rng) for place, part in enumerate(parts) if part and self.teaches(place)}
        if self.balance.guards and step % EVERY == 0:
            for place, cost in costs.items():
                self.balance.saw(place, _cosine(cost, target, self.pretrained()[place].items))
        whole = (1 - sum(parts)) * target
        for place, cost in costs.items():
            whole = whole + parts[place] * cost
        return whole

    def guard(self, epoch: int) -> None:
        """Let sources that disagree count less from this epoch on."""
        crew, seen = Crew(), self.balance.agreement
        for place in range(len(seen)):
            seen[place] = crew.same(float(seen[place]))
        for place, cosine in self.balance.halved(epoch):
            left = self.balance.parts(epoch)[place]
            self.context.progress(
                f"{self.joint.name}: {self.names[place]}: its gradient disagrees with the target's (cosine"
                f" {cosine:.3f}), it counts {left:.3g} from epoch {epoch + 1} on"
            )

    def teaches(self, place: int) -> bool:
        """Say whether anybody of a source preferred anything."""
        return len(self.lessons[self.names[place]].people) > 0

    def lesson(self, place: int, rng: np.random.Generator) -> torch.Tensor:
        """Return what it costs a source's tower to tell whole histories from a part, of some of the source's people."""
        how, one, decoder = self.joint, self.lessons[self.names[place]], cast(Decoder, self.decoders[place])
        rows = one.drawn(how.batch, rng)
        vectors = self.pretrained()[place](one.told.of(rows, self.items.device, rng, self.dropout))
        cost = ranking_loss(how.loss, vectors, decoder.ranked(), one.told.histories[rows], how.negatives, rng)
        return cost * (self.length / max(one.told.mean_length, 1))

    def follow(self, judged: Learner) -> None:
        """See Learner.follow."""
        if isinstance(judged, JointTowers):
            self.balance.follow(judged.balance)


def _cosine(one: torch.Tensor, other: torch.Tensor, shared: nn.Parameter) -> float:
    """Return the cosine of two losses' gradients."""
    mine, theirs = (torch.autograd.grad(loss, shared, retain_graph=True)[0] for loss in (one, other))
    return float(functional.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0))


def joining(how: Joint, transfer: Transfer, context: Context) -> Task:
    """Return the training of both at once."""
    lessons = {pair.source.name: Lesson.of(pair.source) for pair in transfer.pairs}
    people = People.of(transfer, {name: one.told.weights for name, one in lessons.items()})

    def start() -> JointTowers:
        generator = torch.Generator().manual_seed(context.seed)
        items = {name: one.told.histories.shape[1] for name, one in lessons.items()}
        sources = {name: HistoryTower(count, how.factors, how.units, generator) for name, count in items.items()}
        own = HistoryTower(transfer.target.interactions.shape[1], how.factors, 0, generator)
        return JointTowers(sources, own, people, lessons, how, context)

    return Task(how, transfer, context, people, start)
