"""What a kind of recommender is made of: how it scores, ranks and is kept. Asking it is one floor up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender._answers import Best, Reason
from foretaste.recommender._roster import POPULAR, Roster
from foretaste.solvers import top_k


class Model(ABC):
    """Arrays that are fitted and never change, a roster, and what each kind does with them."""

    kind: ClassVar[str]

    notes: tuple[str, ...] = ()
    """What one should know of how it was made, such as what cutting a map lost; a sentence each. Bundles keep them."""

    def __init__(self, roster: Roster, notes: Sequence[str] = ()) -> None:
        if isinstance(notes, str) or not all(isinstance(note, str) for note in notes):
            raise ValueError(f"notes: found {notes!r}, expected a list of sentences")
        self.roster = roster
        self.notes = tuple(notes)

    @abstractmethod
    def _fill(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        """Write the scores (rows, items) of known or newcomer rows into ``out``."""

    @abstractmethod
    def _fold_in(self, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32] | None:
        """Return scores (1, items) for a person with these histories, each a row (1, items of that domain).

        None where the model cannot place somebody with them.
        """

    @abstractmethod
    def _domain_items(self) -> Mapping[str, Index]:
        """Return the item index of each domain whose history can be folded in."""

    @abstractmethod
    def _contributions(self, row: int, item: int) -> tuple[list[Reason], list[Reason]]:
        """Return what no history accounts for, and what each item of a person's histories added.

        All of it adds up to the score. Raises DataError where the histories were left out of a bundle.
        """

    @abstractmethod
    def _similar(self, domain: str, row: int) -> NDArray[np.float32]:
        """Return how near each target item (items,) is to one item of a domain; -inf is not near at all."""

    @property
    def rated_domains(self) -> frozenset[str]:
        """The domains of which a history must bring ratings: ids alone say nothing to this recommender."""
        return frozenset()

    def _comparable(self) -> Mapping[str, Index]:
        """Return the item index of each domain that ``_similar`` knows."""
        return self._domain_items()

    @abstractmethod
    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return all that serving needs as named arrays and JSON-ready facts, without the roster and histories."""

    def _noted(self) -> dict[str, Any]:
        """Return the notes as a fact for ``arrays``; without any, bundles stay as they were."""
        return {"notes": list(self.notes)} if self.notes else {}

    def indexes(self) -> Mapping[str, Index]:
        """Return the item index of each domain that a history may come from."""
        return self._domain_items()

    def histories(self) -> Mapping[str, sparse.csr_matrix]:
        """Return the kept histories (users, items of the domain) by domain; a bundle may leave them out."""
        return {}

    @classmethod
    @abstractmethod
    def from_arrays(
        cls,
        roster: Roster,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        indexes: Mapping[str, Index],
        histories: Mapping[str, sparse.csr_matrix],
    ) -> Self:
        """Rebuild what ``arrays``, ``indexes`` and ``histories`` gave; ValueError or KeyError where they do not fit."""

    @cached_property
    def _log_popularity(self) -> NDArray[np.float32]:
        return np.log1p(self.roster.popularity).astype(np.float32)

    def rank(
        self, rows: NDArray[np.int64], k: int, *, exclude_seen: bool = True, allow: NDArray[np.bool_] | None = None
    ) -> Best:
        """Return item rows and scores (len(rows), k) for user rows; -1 is a stranger; short lists end in -1."""
        paths = self._paths(rows)

        def block(start: int, stop: int, out: NDArray[np.float32]) -> None:
            self._fill_by_path(rows[start:stop], paths[start:stop], out)

        return top_k(block, len(rows), len(self.roster.items), k, exclude=self._seen(rows, exclude_seen), allow=allow)

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (len(rows),) who is answered by the model; the others are answered by popularity."""
        return np.asarray(self._paths(rows) != POPULAR)

    def _paths(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        paths = np.full(len(rows), POPULAR, np.uint8)
        paths[rows >= 0] = self.roster.paths[rows[rows >= 0]]
        return paths

    def _fill_by_path(self, rows: NDArray[np.int64], paths: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        placed = np.flatnonzero(paths != POPULAR)
        if len(placed) == len(rows):
            self._fill(rows, out)
            return
        out[:] = self._log_popularity
        if len(placed):
            part = np.empty((len(placed), out.shape[1]), np.float32)
            self._fill(rows[placed], part)
            out[placed] = part

    def _seen(self, rows: NDArray[np.int64], exclude_seen: bool) -> sparse.csr_matrix | None:
        seen = self.roster.seen
        if not exclude_seen or seen is None:
            return None
        known = np.flatnonzero(rows >= 0)
        if len(known) == len(rows):
            return seen[rows]
        ones = np.ones(len(known), np.float32)
        chosen = sparse.csr_matrix((ones, (known, rows[known])), shape=(len(rows), seen.shape[0]))
        return sparse.csr_matrix(chosen @ seen)
