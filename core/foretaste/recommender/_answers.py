"""Answers, with ids as they came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.recommender._roster import AnswerPath


@dataclass(frozen=True)
class Recommended:
    """One person's list, best first. ``scores`` are comparable within this list only."""

    user: Any
    items: list[Any]
    scores: list[float]
    path: AnswerPath


@dataclass(frozen=True)
class Recommendations:
    """Lists for several people, in the order asked."""

    lists: tuple[Recommended, ...]

    def __iter__(self) -> Iterator[Recommended]:
        return iter(self.lists)

    def __len__(self) -> int:
        return len(self.lists)

    def __getitem__(self, place: int) -> Recommended:
        return self.lists[place]

    def to_rows(self) -> list[dict[str, Any]]:
        """One mapping per recommendation: user_id, item_id, rank (from 1), score, path."""
        return [
            {"user_id": one.user, "item_id": item, "rank": rank, "score": score, "path": one.path}
            for one in self.lists
            for rank, (item, score) in enumerate(zip(one.items, one.scores, strict=True), 1)
        ]


@dataclass(frozen=True)
class Reason:
    """How much one thing added to a score.

    ``item`` is None for the rest of a domain's history. ``domain`` is None too for what no history accounts for:
    popularity and a model's constants.
    """

    domain: str | None
    item: Any
    share: float


@dataclass(frozen=True)
class Reasons:
    """Why one item is recommended to one person; the shares of all reasons add up to the score."""

    user: Any
    item: Any
    score: float
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, user: Any, item: Any, base: float, found: list[Reason], n: int) -> Reasons:
        """Return the ``n`` greatest of what was found, the rest summed by domain, and ``base``."""
        ranked = sorted(found, key=lambda reason: -reason.share)
        best, others = ranked[:n], ranked[n:]
        domains = [
            domain for domain in dict.fromkeys(r.domain for r in found) if any(r.domain == domain for r in others)
        ]
        summed = [Reason(domain, None, sum(r.share for r in others if r.domain == domain)) for domain in domains]
        score = base + sum(reason.share for reason in ranked)
        return cls(user, item, score, (*best, *summed, Reason(None, None, base)))


Best = tuple[NDArray[np.int64], NDArray[np.float32]]
