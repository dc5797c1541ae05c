"""What one asks of everything that recommends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.errors import DataError, UnknownIdError
from foretaste.recommender._answers import Reason, Reasons, Recommendations, Recommended
from foretaste.recommender._asked import (
    History,
    allowed,
    expect_count,
    history_rows,
    known_rows,
    listed,
    without_zeros,
)
from foretaste.recommender._model import Model
from foretaste.recommender._rating_scale import RatingScale
from foretaste.recommender._roster import FOLDED_IN, KNOWN, PATHS, POPULAR
from foretaste.solvers import top_k

OnUnknown = Literal["popular", "error"]

_BLOCK_BYTES = 32 * 2**20


class Recommender(Model):
    """A fitted model of the target: plain arrays, immutable, safe to share between threads.

    People the model cannot place (strangers, newcomers where the source is not used, people whose history was left
    out of a bundle) are answered by popularity; each answer says by which path it came.
    """

    def recommend(
        self,
        users: Sequence[Any],
        k: int = 10,
        *,
        exclude_seen: bool = True,
        allow: Iterable[Any] | None = None,
        deny: Iterable[Any] | None = None,
        on_unknown: OnUnknown = "popular",
    ) -> Recommendations:
        """Recommend ``k`` items to each user id.

        ``allow`` limits the answer to these item ids, ``deny`` keeps these out. Raises UnknownIdError for a user that
        is not known under ``on_unknown="error"``, and DataError for ids of another type than the data's. Without seen
        items (a bundle saved without histories) ``exclude_seen`` leaves nothing out.
        """
        expect_count("k", k)
        users, rows = self._user_rows(users, on_unknown)
        may = allowed(self.roster.items, allow, deny)
        items, scores = self.rank(rows, self._at_most(k), exclude_seen=exclude_seen, allow=may)
        lists = (
            self._answer(user, line, values, int(path))
            for user, line, values, path in zip(users, items, scores, self._paths(rows), strict=True)
        )
        return Recommendations(tuple(lists))

    def recommend_for(
        self,
        history: Mapping[str, History],
        k: int = 10,
        *,
        allow: Iterable[Any] | None = None,
        deny: Iterable[Any] | None = None,
    ) -> Recommended:
        """Recommend to a person who is not in the model, from ids (or ids and values) per domain name.

        Values are read as those of the domain's table were: strengths, or ratings of which some are no preference.
        Unknown items are passed over; what is not preferred is left out of the answer and counts for nothing. A history
        of nothing known, or of items that the model learnt nothing of, is answered by popularity, and so is that of a
        source which this model does not read, as after a guard chose a baseline. In ``rated_domains`` ratings are
        needed. Raises DataError for other domains, and for ids without ratings there.
        """
        expect_count("k", k)
        own, scores = self._folded_in(history)

        def block(start: int, stop: int, out: NDArray[np.float32]) -> None:
            out[:] = self._log_popularity if scores is None else scores

        may = allowed(self.roster.items, allow, deny)
        items, values = top_k(block, 1, len(self.roster.items), self._at_most(k), exclude=own, allow=may)
        return self._answer(None, items[0], values[0], POPULAR if scores is None else FOLDED_IN)

    def _folded_in(self, history: Mapping[str, History]) -> tuple[sparse.csr_matrix | None, NDArray[np.float32] | None]:
        """Return what a history names in the target, and its scores (1, items); None where the model says nothing."""
        given = self._given(history)
        evidence = self._evidence(given)
        return given.get(self.roster.target), self._fold_in(evidence) if evidence else None

    def _given(self, history: Mapping[str, History]) -> dict[str, sparse.csr_matrix]:
        """Return a history as a row per domain, zeros and all: of the target always, of sources where they are read."""
        readable, target = self._domain_items(), self.roster.target
        indexes = {target: self.roster.items, **dict.fromkeys(self.roster.sources), **readable}
        return history_rows(history, indexes, self.rated_domains, self.roster.feedback)

    def _evidence(self, given: Mapping[str, sparse.csr_matrix]) -> dict[str, sparse.csr_matrix]:
        """Return the rows that say something to the model."""
        readable = self._domain_items()
        return {
            name: told
            for name, row in given.items()
            if name in readable and (told := row if name in self.rated_domains else without_zeros(row)).nnz
        }

    def score(
        self, users: Sequence[Any], items: Sequence[Any], *, on_unknown: OnUnknown = "popular"
    ) -> NDArray[np.float32]:
        """Return one score (n,) per (user, item) pair of ids; comparable within a person only."""
        (_, user_rows), item_rows = self._user_rows(users, on_unknown), self._item_rows(items)
        _check_pairs("score", user_rows, item_rows)
        return self._pair_scores(user_rows, item_rows)

    def _pair_scores(self, user_rows: NDArray[np.int64], item_rows: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.empty(len(user_rows), np.float32)
        people, person = np.unique(user_rows, return_inverse=True)
        for block in blocks(len(people), len(self.roster.items)):
            rows = people[block]
            lines = np.empty((len(rows), len(self.roster.items)), np.float32)
            self._fill_by_path(rows, self._paths(rows), lines)
            mine = np.flatnonzero((person >= block.start) & (person < block.stop))
            scores[mine] = lines[person[mine] - block.start, item_rows[mine]]
        return scores

    @property
    def predicts_ratings(self) -> bool:
        """Whether there is a ``predict``."""
        return self.roster.rating_scale is not None

    @property
    def predict(self) -> Callable[[Sequence[Any], Sequence[Any]], NDArray[np.float32]]:
        """``predict(users, items)``: one rating (n,) per (user, item) pair of ids; strangers get the item's average.

        There only where the model predicts ratings: otherwise AttributeError, and ``hasattr`` is False. The call raises
        UnknownIdError for an unknown item.
        """
        if not self.predicts_ratings:
            raise AttributeError("this recommender predicts no ratings: it has scores, comparable within a person only")
        return self._predict

    def _predict(self, users: Sequence[Any], items: Sequence[Any]) -> NDArray[np.float32]:
        (_, user_rows), item_rows = self._user_rows(users, "popular"), self._item_rows(items)
        _check_pairs("predict", user_rows, item_rows)
        return self.predict_rows(user_rows, item_rows)

    @property
    def predict_for(self) -> Callable[[Mapping[str, History], Sequence[Any]], NDArray[np.float32]]:
        """``predict_for(history, items)``: one rating (n,) per item id, for a person who is not in the model.

        There only where ``predict`` is. A history is that of ``recommend_for``; one that says nothing to the model gets
        the items' averages. The call raises what ``recommend_for`` does, and UnknownIdError for an unknown item.
        """
        if not self.predicts_ratings:
            raise AttributeError("this recommender predicts no ratings: it has scores, comparable within a person only")
        return self._predict_for

    def _predict_for(self, history: Mapping[str, History], items: Sequence[Any]) -> NDArray[np.float32]:
        rows = self._item_rows(items)
        _, found = self._folded_in(history)
        return self._rated(found, rows)

    def _rated(self, found: NDArray[np.float32] | None, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return ratings of item rows by somebody who is not in the model and has these scores (1, items), or none."""
        scores = np.zeros(len(rows), np.float32) if found is None else found[0, rows]
        return self._scale.predicted(np.full(len(rows), -1), rows, scores, np.full(len(rows), found is not None))

    def predict_rows(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the ratings (n,) of pairs of user rows (-1 is a stranger) and item rows; ``predict`` for ids."""
        scale = self._scale
        placed = self.places(users)
        scores = np.zeros(len(users), np.float32)
        scores[placed] = self._pair_scores(users[placed], items[placed])
        return scale.predicted(users, items, scores, placed)

    @property
    def _scale(self) -> RatingScale:
        if self.roster.rating_scale is None:
            raise ValueError("this recommender predicts no ratings")
        return self.roster.rating_scale

    def similar_items(self, items: Sequence[Any], k: int = 10, *, of: str | None = None) -> Recommendations:
        """Return the ``k`` target items nearest to each item of a domain (``of``; left out: the target).

        Raises UnknownIdError for an item that the domain lacks, and DataError for a domain the model does not know.
        """
        expect_count("k", k)
        domain = of or self.roster.target
        index = self._comparable().get(domain)
        if index is None:
            known = ", ".join(self._comparable()) or "none"
            raise DataError(f"similar_items: this recommender knows no items of '{domain}'; it knows those of {known}")
        asked = listed("items", items)
        rows = known_rows(domain, asked, index)

        def block(start: int, stop: int, out: NDArray[np.float32]) -> None:
            for line, row in zip(out, rows[start:stop], strict=True):
                line[:] = self._similar(domain, int(row))
                if domain == self.roster.target:
                    line[row] = -np.inf

        nearest, values = top_k(block, len(rows), len(self.roster.items), self._at_most(k))
        lists = (self._answer(*one, KNOWN) for one in zip(asked, nearest, values, strict=True))
        return Recommendations(tuple(lists))

    def explain(self, user: Any, item: Any, n: int = 5) -> Reasons:
        """Say which ``n`` history items added most to a score.

        What the others added together follows per domain, and last what no history accounts for; the shares add up to
        the score. Raises UnknownIdError for an unknown person or item, and DataError where the recommender was saved
        without the histories that an explanation needs.
        """
        expect_count("n", n)
        (_, (row,)), (column,) = self._user_rows([user], "error"), self._item_rows([item])
        constants, found = self._reasons(int(row), int(column))
        return Reasons.of(user, item, constants, found, n, self._weights_told(int(row)))

    def _reasons(self, row: int, column: int) -> tuple[list[Reason], list[Reason]]:
        """Return what no history accounts for and what items of histories added, for popularity as for the model."""
        if self.roster.paths[row] == POPULAR:
            return [Reason(None, None, float(self._log_popularity[column]))], []
        return self._contributions(row, column)

    def _weights_told(self, row: int) -> dict[str, float]:
        """Return how much each member of a blend counts for a person; nothing else has members."""
        return {}

    def _at_most(self, k: int) -> int:
        """Return how long a list can get: no room is made for the rest of a million."""
        return max(1, min(k, len(self.roster.items)))

    def _user_rows(self, users: Sequence[Any], on_unknown: OnUnknown) -> tuple[list[Any], NDArray[np.int64]]:
        if on_unknown not in get_args(OnUnknown):
            raise DataError(f"on_unknown: found {on_unknown!r}, expected 'popular' or 'error'")
        asked = listed("users", users)
        rows = self.roster.users.rows(asked)
        if on_unknown == "error" and (rows < 0).any():
            raise UnknownIdError(f"unknown user {asked[int(np.argmax(rows < 0))]!r}")
        return asked, rows

    def _item_rows(self, items: Sequence[Any]) -> NDArray[np.int64]:
        return known_rows(self.roster.target, listed("items", items), self.roster.items)

    def _answer(self, user: Any, rows: NDArray[np.int64], scores: NDArray[np.float32], path: int) -> Recommended:
        held = rows >= 0
        return Recommended(user, self.roster.items.take(rows[held]), scores[held].tolist(), PATHS[path])


def _check_pairs(call: str, users: NDArray[np.int64], items: NDArray[np.int64]) -> None:
    if len(users) != len(items):
        raise DataError(f"{call}: found {len(users)} users and {len(items)} items, expected equal numbers")


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Cut rows into blocks of about 32 MB of scores."""
    size = max(1, _BLOCK_BYTES // (4 * max(1, n_columns)))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
