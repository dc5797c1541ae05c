"""What is trained: something that has vectors of people and of items, and can be served without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from foretaste import FactorModel, Transfer
from foretaste_deep._adam import Group
from foretaste_deep._bags import Bags
from foretaste_deep._histories import ones, rarity
from foretaste_deep._losses import Items


@dataclass(frozen=True, eq=False)
class People:
    """Histories of ones (users of the target, items) by source, and what they preferred in the target."""

    histories: Mapping[str, Bags]
    target: Bags

    @classmethod
    def of(cls, transfer: Transfer, weights: Mapping[str, NDArray[np.float32]]) -> People:
        """Read them from a transfer's training data; of each source ``weights`` (items,) say what an item counts."""
        rows = transfer.target.interactions
        histories = {p.source.name: Bags(ones(p.source_history), weights[p.source.name]) for p in transfer.pairs}
        own = rarity(rows)
        return cls(histories, Bags(ones(rows.preference), own))

    def placed(self) -> NDArray[np.int64]:
        """Return (users,) the number of sources that know each person."""
        known = [one.lengths > 0 for one in self.histories.values()]
        return np.asarray(np.sum(known, axis=0), np.int64)


class Learner(nn.Module, ABC):
    """What ``Task`` trains on people's preferences in the target."""

    @abstractmethod
    def vectors(
        self, rows: NDArray[np.int64], shown: sparse.csr_matrix, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Return vectors (rows, d) of people of whose target rows ``shown`` (rows, items) is known.

        With ``rng`` it is for training, and a part of what is known may be left out.
        """

    @abstractmethod
    def ranked(self) -> Items:
        """Return the target's items."""

    @abstractmethod
    def groups(self) -> list[Group]:
        """Return what is trained, how fast, and what holds it."""

    def whole(self, target: torch.Tensor, epoch: int, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Return what a step of an epoch, both counted from 0, makes smaller, given the target's loss."""
        return target

    def follow(self, judged: Learner) -> None:
        """Take over what another chose in training, to say when to stop, that this one is to choose alike: nothing."""

    @abstractmethod
    def exported(self, transfer: Transfer) -> FactorModel:
        """Return what serves it."""
