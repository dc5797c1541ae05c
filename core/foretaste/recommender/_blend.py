"""Several recommenders of one target as one: for each person a mix, or the one that serves this person best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index, Transfer, frozen
from foretaste.recommender._answers import Best, Reason
from foretaste.recommender._asked import History
from foretaste.recommender._blend_parts import (
    blend_arrays,
    blend_from,
    check_members,
    joined_items,
    places_in,
    shared_histories,
)
from foretaste.recommender._gates import Gate, Weights
from foretaste.recommender._interface import Recommender, blocks
from foretaste.recommender._person_facts import mean_and_deviation, standardised
from foretaste.recommender._roster import POPULAR, Roster, expect_shape


class Blend(Recommender):
    """Score of a person = sum over members of weight x z, z the member's scores brought to mean 0 and deviation 1.

    ``members`` are recommenders of the same people and items by name, and no blends. ``gate`` gives the weights, by
    ``target_history`` and ``source_history`` (users,), numbers of rows in training, and what the members' scores tell.
    A member that cannot place a person takes part with what is popular. Where one member alone counts, its own scores
    are handed through, and nothing else is computed. Ratings are predicted where every member does, as the weighted
    mean. A path is the best that a member which may count has. Items are similar by the member that weighs most, of
    those that know the item. Raises ValueError where these do not fit each other.
    """

    kind: ClassVar[str] = "blend"

    def __init__(
        self,
        roster: Roster,
        members: Mapping[str, Recommender],
        gate: Gate,
        target_history: NDArray[np.int64],
        source_history: NDArray[np.int64],
        *,
        notes: Sequence[str] = (),
    ) -> None:
        self._members = dict(members)
        self.gate = gate
        self.target_history = frozen(target_history, np.int64)
        self.source_history = frozen(source_history, np.int64)
        check_members(roster, self._members)
        if any(isinstance(one, Blend) for one in self._members.values()):
            raise ValueError("members: found a Blend among them, which can be blended no more")
        if gate.members != len(self._members):
            raise ValueError(f"gate: found weights for {gate.members} members, expected {len(self._members)}")
        for name in ("target_history", "source_history"):
            expect_shape(name, getattr(self, name), (len(roster.users),))
        self.own_notes = tuple(notes)
        paths = np.stack([one.roster.paths for one in self._members.values()], axis=1)
        paths = np.where(gate.allows(self.target_history), paths, POPULAR).min(axis=1).astype(np.uint8)
        told = [f"{name}: {note}" for name, one in self._members.items() for note in one.notes]
        super().__init__(replace(roster, paths=paths, rating_scale=None), [*self.own_notes, *told])

    @classmethod
    def of(
        cls, transfer: Transfer, members: Mapping[str, Recommender], gate: Gate, *, notes: Sequence[str] = ()
    ) -> Blend:
        """Return the blend of what was fitted on a transfer's training data."""
        rows = transfer.target.interactions
        return cls(Roster.of(transfer), members, gate, rows.history, transfer.source_length, notes=notes)

    @property
    def members(self) -> Mapping[str, Recommender]:
        """The members by name, in the order of the gate's weights."""
        return MappingProxyType(self._members)

    @property
    def _listed(self) -> list[Recommender]:
        return list(self._members.values())

    def weights(self, rows: NDArray[np.int64]) -> Weights:
        """Return (len(rows), members) how much each member counts for user rows; -1 is a stranger."""
        found = np.zeros((len(rows), len(self._members)))
        for place, mine in self._alone(rows):
            if place is not None:
                found[mine, place] = 1
                continue
            for block in self._blocks(len(mine)):
                some = mine[block]
                scores = self.standard_scores(rows[some]) if self.gate.reads_scores else ()
                found[some] = self.gate.weights(*self._lengths(rows[some]), scores)
        return found

    def _lengths(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        known = rows >= 0
        return np.where(known, self.target_history[rows], 0), np.where(known, self.source_history[rows], 0)

    def _blocks(self, n_rows: int) -> list[slice]:
        return blocks(n_rows, len(self.roster.items) * (len(self._members) + 1))

    def _lines(self, member: Recommender, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        lines = np.empty((len(rows), len(self.roster.items)), np.float32)
        member._fill_by_path(rows, member._paths(rows), lines)
        return lines

    def standard_scores(self, rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Return each member's scores (len(rows), items) of user rows, brought to mean 0 and deviation 1."""
        return [standardised(self._lines(member, rows)) for member in self._members.values()]

    def _fill(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        for place, mine in self._alone(rows):
            if place is None:
                part = np.empty((len(mine), out.shape[1]), np.float32)
                self._fill_mixed(rows[mine], part)
                out[mine] = part
            else:
                out[mine] = self._lines(self._listed[place], rows[mine])

    def _fill_mixed(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        for block in self._blocks(len(rows)):
            lengths, mine = self._lengths(rows[block]), rows[block]
            if self.gate.reads_scores:
                scores = self.standard_scores(mine)
                out[block] = mixed(scores, self.gate.weights(*lengths, scores))
                continue
            weights = self.gate.weights(*lengths)
            heavy = [place for place in range(len(self._members)) if weights[:, place].any()]
            out[block] = mixed([standardised(self._lines(self._listed[one], mine)) for one in heavy], weights[:, heavy])

    def _alone(self, rows: NDArray[np.int64]) -> Iterator[tuple[int | None, NDArray[np.int64]]]:
        """Yield each member's place with those of the people for whom it alone counts, then None with all others'."""
        allows = self.gate.allows(self._lengths(rows)[0])
        alone = allows.sum(axis=1) == 1
        for place in range(len(self._members)):
            if len(mine := np.flatnonzero(alone & allows[:, place])):
                yield place, mine
        if len(mine := np.flatnonzero(~alone)):
            yield None, mine

    def rank(
        self, rows: NDArray[np.int64], k: int, *, exclude_seen: bool = True, allow: NDArray[np.bool_] | None = None
    ) -> Best:
        """See Recommender.rank; who is served by one member gets the list of that member."""
        items, scores = np.full((len(rows), k), -1), np.full((len(rows), k), -np.inf, np.float32)
        for place, mine in self._alone(rows):
            ranked = super().rank if place is None else self._listed[place].rank
            items[mine], scores[mine] = ranked(rows[mine], k, exclude_seen=exclude_seen, allow=allow)
        return items, scores

    def _fold_in(self, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32] | None:
        """See Model._fold_in; here histories hold what is not preferred, too: it counts in their lengths."""
        weights, found = self._brought(histories)
        heavy = np.flatnonzero(weights)
        if len(heavy) == 1:
            return found[int(heavy[0])]
        if all(one is None for one in found):
            return None
        return mixed([self._standing(found[place]) for place in heavy], weights[None, heavy])

    def _brought(
        self, histories: Mapping[str, sparse.csr_matrix]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32] | None]]:
        """Return (members,) weights for somebody with these histories, and the scores of those that count."""
        target, source = (
            np.array([sum(row.nnz for name, row in histories.items() if name in names)])
            for names in ((self.roster.target,), self.roster.sources)
        )
        (allows,) = self.gate.allows(target)
        alone = allows.sum() == 1
        if self.gate.reads_scores and not alone:
            found = [self._placed(place, histories) for place in range(len(self._members))]
            (weights,) = self.gate.weights(target, source, [self._standing(one) for one in found])
            return weights, found
        weights = allows.astype(np.float64) if alone else self.gate.weights(target, source)[0]
        return weights, [self._placed(place, histories) if weight else None for place, weight in enumerate(weights)]

    def _standing(self, found: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return standardised scores (1, items) of what a member found, or of popularity where that is nothing."""
        return standardised((self._log_popularity[None] if found is None else found).copy())

    def _placed(self, place: int, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32] | None:
        """Return a member's scores of these histories, each read as the member reads it."""
        member, columns = self._listed[place], self._columns[place]
        known = member._domain_items()
        given = {
            name: self._read_by(member, name, row[:, columns[name]] if name in columns else row)
            for name, row in histories.items()
            if name in known
        }
        evidence = member._evidence(given)
        return member._fold_in(evidence) if evidence else None

    def _read_by(self, member: Recommender, name: str, row: sparse.csr_matrix) -> sparse.csr_matrix:
        if name in self.rated_domains and name not in member.rated_domains:
            row = row.copy()
            row.data = self.roster.feedback[name].weights(row.data)
        return row

    def _folded_in(self, history: Mapping[str, History]) -> tuple[sparse.csr_matrix | None, NDArray[np.float32] | None]:
        given = self._given(history)
        return given.get(self.roster.target), self._fold_in(given)

    def _domain_items(self) -> Mapping[str, Index]:
        return self._readable

    @cached_property
    def _columns(self) -> list[dict[str, NDArray[np.int64]]]:
        """Where the items that each member reads stand among those that any reads; nothing where they are the same."""
        return [places_in(self._readable, one._domain_items()) for one in self._listed]

    @cached_property
    def _readable(self) -> Mapping[str, Index]:
        return joined_items(member._domain_items() for member in self._members.values())

    @property
    def rated_domains(self) -> frozenset[str]:
        """See Recommender.rated_domains; those of any member."""
        return frozenset().union(*(member.rated_domains for member in self._members.values()))

    def _comparable(self) -> Mapping[str, Index]:
        return self._comparables

    @cached_property
    def _comparables(self) -> Mapping[str, Index]:
        return joined_items(member._comparable() for member in self._members.values())

    def _similar(self, domain: str, row: int) -> NDArray[np.float32]:
        weights, asked = self.gate.typical(self.target_history), self._comparables[domain].take(np.array([row]))
        known = [one._comparable() for one in self._listed]
        found = [int(mine[domain].rows(asked)[0]) if domain in mine else -1 for mine in known]
        best = max((place for place, mine in enumerate(found) if mine >= 0), key=lambda place: weights[place])
        return self._listed[best]._similar(domain, found[best])

    def _weights_told(self, row: int) -> dict[str, float]:
        return dict(zip(self._members, self.weights(np.array([row]))[0].tolist(), strict=True))

    def _contributions(self, row: int, item: int) -> tuple[list[Reason], list[Reason]]:
        (weights,), rows = self.weights(np.array([row])), np.array([row])
        alone = np.count_nonzero(weights) == 1
        constants: list[Reason] = []
        found: list[Reason] = []
        for (name, member), weight in zip(self._members.items(), weights, strict=True):
            if not weight:
                continue
            mean, scale = 0.0, 1.0
            if not alone:
                (mean,), (deviation,) = mean_and_deviation(self._lines(member, rows))
                scale = float(weight / deviation) if deviation else 0.0
            base, parts = member._reasons(row, item)
            constants += [replace(one, share=scale * (one.share - mean), member=name) for one in base]
            found += [replace(one, share=scale * one.share, member=name) for one in parts]
        return constants, found

    @property
    def predicts_ratings(self) -> bool:
        """Whether every member does."""
        return all(member.predicts_ratings for member in self._members.values())

    def predict_rows(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """See Recommender.predict_rows; the weighted mean of what the members predict."""
        people, place = np.unique(users, return_inverse=True)
        weights, found = self.weights(people)[place], np.zeros(len(users))
        for at, member in enumerate(self._members.values()):
            mine = weights[:, at] > 0
            found[mine] += weights[mine, at] * member.predict_rows(users[mine], items[mine])
        return found.astype(np.float32)

    def _predict_for(self, history: Mapping[str, History], items: Sequence[Any]) -> NDArray[np.float32]:
        rows = self._item_rows(items)
        weights, found = self._brought(self._given(history))
        members = self._members.values()
        parts = [w * one._rated(f, rows) for w, one, f in zip(weights, members, found, strict=True) if w]
        return np.asarray(sum(parts), np.float32)

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See Recommender.arrays."""
        arrays, facts = blend_arrays(self._members, self.gate, self._columns)
        arrays |= {"target_history": self.target_history, "source_history": self.source_history}
        return arrays, facts | ({"notes": list(self.own_notes)} if self.own_notes else {})

    def histories(self) -> Mapping[str, sparse.csr_matrix]:
        """Return the kept histories of all members; ``books+2`` is another reading of those of ``books``."""
        return shared_histories(self._members)[0]

    @classmethod
    def from_arrays(
        cls,
        roster: Roster,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        indexes: Mapping[str, Index],
        histories: Mapping[str, sparse.csr_matrix],
    ) -> Blend:
        """Rebuild the blend that ``arrays`` and ``indexes`` describe."""
        members, gate = blend_from(roster, arrays, facts, indexes, histories)
        lengths = arrays["target_history"], arrays["source_history"]
        return cls(roster, members, gate, *lengths, notes=facts.get("notes", ()))


def mixed(scores: Sequence[NDArray[np.float32]], weights: Weights) -> NDArray[np.float32]:
    """Return (people, items) the sum of the members' scores, each (people, items), times their weights."""
    total = np.zeros_like(scores[0])
    for one, weight in zip(scores, weights.T.astype(np.float32), strict=True):
        total += weight[:, None] * one
    return total
