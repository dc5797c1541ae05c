"""Answers, with ids as they came in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.data import Index
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
    popularity and a model's constants. ``member`` names the part of a blend that it came by, None elsewhere.
    """

    domain: str | None
    item: Any
    share: float
    member: str | None = None


def reasons_of(parts: Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]], items: Mapping[str, Index]) -> list[Reason]:
    """Return one reason per item: ``parts`` hold, by domain, the rows of items and what each added."""
    return [
        Reason(domain, item, float(share))
        for domain, (rows, shares) in parts.items()
        for item, share in zip(items[domain].take(rows), shares, strict=True)
    ]


@dataclass(frozen=True)
class Reasons:
    """Why one item is recommended to one person; the shares of all reasons add up to the score.

    ``weights`` say how much each member of a blend counts for this person, adding up to 1; empty for all else.
    """

    user: Any
    item: Any
    score: float
    reasons: tuple[Reason, ...]
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, user: Any, item: Any, constants: Sequence[Reason], found: Sequence[Reason], n: int, weights: Any
    ) -> Reasons:
        """Return the ``n`` greatest of what was found, the rest summed by member and domain, and the constants."""
        ranked = sorted(found, key=lambda reason: -reason.share)
        best, others = ranked[:n], ranked[n:]
        rests: dict[tuple[str | None, str | None], list[float]] = {(one.member, one.domain): [] for one in found}
        for reason in others:
            rests[reason.member, reason.domain].append(reason.share)
        summed = [Reason(domain, None, sum(shares), member) for (member, domain), shares in rests.items() if shares]
        score = sum(reason.share for reason in (*constants, *ranked))
        return cls(user, item, score, (*best, *summed, *constants), weights)


Best = tuple[NDArray[np.int64], NDArray[np.float32]]
