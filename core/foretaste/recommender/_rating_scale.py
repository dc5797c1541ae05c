"""From scores to ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.data import frozen


@dataclass(frozen=True, eq=False)
class RatingScale:
    """What a score lacks to be a rating.

    A person whom the model places is predicted mean + user_offset[u] + score(u, i); anyone else (a newcomer where the
    source is not used) mean + user_offset[u] + item_offset[i]. Who is not in the model has offset 0: a stranger, and a
    person folded in, whose bias must be part of the score. Predictions are clipped to [lowest, highest].
    ``user_offset`` is (users,) and ``item_offset`` (items,), float32. Raises ValueError for bounds in the wrong order.
    """

    mean: float
    user_offset: NDArray[np.float32]
    item_offset: NDArray[np.float32]
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not -np.inf < self.lowest <= self.mean <= self.highest < np.inf:
            raise ValueError(f"lowest, mean, highest: found {self.lowest:g}, {self.mean:g}, {self.highest:g}")
        for name in ("user_offset", "item_offset"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))

    def predicted(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        scores: NDArray[np.float32],
        placed: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Return (n,) ratings of user and item rows; ``scores`` count where ``placed``, user -1 is a stranger."""
        known = np.append(self.user_offset, np.float32(0))[users]
        ratings = self.mean + known + np.where(placed, scores, self.item_offset[items])
        return np.asarray(np.clip(ratings, self.lowest, self.highest), np.float32)
