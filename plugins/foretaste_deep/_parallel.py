"""Several processes train one model: each takes its share of a batch, and all move by the gradient of the whole.

There is nothing to set: whoever started them (``torchrun``) and joined them (``torch.distributed.init_process_group``)
finds that training uses them. Alone, a process takes every batch whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from foretaste import StrategyError
from foretaste_deep._adam import Group


class Crew:
    """The processes that train together, as one of them sees it."""

    def __init__(self) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        self.rank, self.size = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)

    def expect_dense(self, place: str, groups: Iterable[Group]) -> None:
        """Raise StrategyError where several are to join gradients of which each has other rows."""
        if self.size > 1 and any(group.sparse for group in groups):
            raise StrategyError(f"{place}: sparse updates are for one process, found {self.size} that train together")

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which people of a batch this process takes."""
        return batch[self.rank :: self.size]

    def join(self, parameters: Iterable[nn.Parameter], part: float) -> None:
        """Make each gradient that of the whole batch, of which this process took ``part``."""
        if self.size == 1:
            return
        for one in parameters:
            if one.requires_grad:
                one.grad = torch.zeros_like(one) if one.grad is None else one.grad * part
                distributed.all_reduce(one.grad)

    def same(self, value: float) -> float:
        """Return what the first process found, so that all decide alike."""
        if self.size == 1:
            return value
        told = [value]
        distributed.broadcast_object_list(told, src=0)
        return told[0]

    def total(self, value: float) -> float:
        """Return the sum of what all found."""
        if self.size == 1:
            return value
        told: list[float] = [0.0] * self.size
        distributed.all_gather_object(told, value)
        return sum(told)
