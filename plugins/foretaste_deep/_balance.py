"""How much each source counts beside the target while both are trained."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Balancing = Literal["fixed", "annealed", "guarded"]

EVERY = 4
"""So many steps go from one to the next in which agreement is measured, at the cost of a pass back for each loss."""
_MEMORY = 0.8
"""How much of the running mean of agreement one more measurement leaves."""
_FEWEST = 3
"""So many measurements are needed for a verdict."""


class Balance(nn.Module):
    """Of ``alpha`` each of the sources has the same part, which is ``fixed``; or ``annealed``: it falls to 0 over the
    epochs; or ``guarded``: a source's part is halved where the running mean of the cosine of its gradient and the
    target's is below 0.
    """

    course: torch.Tensor
    agreement: torch.Tensor
    measured: torch.Tensor

    def __init__(self, kind: Balancing, alpha: float, epochs: int, sources: int) -> None:
        super().__init__()
        left = torch.ones(epochs, dtype=torch.float64)
        if kind == "annealed":
            left -= torch.arange(epochs) / epochs
        # buffers, so that the best epoch is kept with the course that led to it
        self.register_buffer("course", (alpha / sources * left)[:, None].repeat(1, sources))
        self.register_buffer("agreement", torch.zeros(sources, dtype=torch.float64))
        self.register_buffer("measured", torch.zeros(sources, dtype=torch.int64))
        self.guards = kind == "guarded"

    def parts(self, epoch: int) -> list[float]:
        """Return what each source counts in an epoch, the first of which is 0; the target counts what is left of 1."""
        parts: list[float] = self.course[min(epoch, len(self.course) - 1)].tolist()
        return parts

    def saw(self, source: int, cosine: float) -> None:
        """Take the cosine of a source's gradient and the target's into the running mean."""
        keep = _MEMORY if self.measured[source] else 0.0
        self.agreement[source] = keep * self.agreement[source] + (1 - keep) * cosine
        self.measured[source] += 1

    def halved(self, epoch: int) -> list[tuple[int, float]]:
        """Halve from this epoch on what sources count that disagree; return which, and their mean cosine."""
        judged = (self.measured >= _FEWEST) & (self.agreement < 0) & torch.tensor(self.guards)
        found = [(int(source), float(self.agreement[source])) for source in torch.nonzero(judged)[:, 0]]
        self.course[epoch:, judged] /= 2
        self.agreement[judged], self.measured[judged] = 0.0, 0
        return found

    def follow(self, other: Balance) -> None:
        """Run the course that the other took."""
        self.course.copy_(other.course)
        self.guards = False
