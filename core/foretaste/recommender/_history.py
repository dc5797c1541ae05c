"""Maps from what somebody had to what they may want: score = item bias + sum over sides of history x map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index, frozen
from foretaste.recommender._answers import Reason, reasons_of
from foretaste.recommender._interface import Recommender
from foretaste.recommender._map import ItemMap, map_arrays, map_columns, map_from, map_rows, map_shape, settled
from foretaste.recommender._roster import Roster, expect_shape, freeze_fields


@dataclass(frozen=True, eq=False)
class Side:
    """The part of the score that one domain's history has, or what is declared of people there, token by token.

    ``map`` leads from its items to the target's: a dense or sparse (items, target items), or a pair of factors
    (items, r) and (r, target items). With ``offset`` (target items,), which is added to every row of the map, a sparse
    map may stay sparse. A history x, weights and all, adds ``x @ (map + offset) / n(x) ** power``, n(x) the number of
    its items. ``histories`` (users, items) are those of the people in the roster, or None where they were left out of
    a bundle.
    """

    items: Index
    map: ItemMap
    power: float = 0.0
    histories: sparse.csr_matrix | None = None
    offset: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "map", settled(self.map))
        if self.shape[0] != len(self.items):
            raise ValueError(f"map: found {self.shape[0]} rows, expected {len(self.items)}, one for each item")
        object.__setattr__(self, "power", float(self.power))  # numpy's numbers are not JSON, which a bundle needs
        if not np.isfinite(self.power):
            raise ValueError(f"power: found {self.power}, expected a finite number")
        if self.offset is not None:
            freeze_fields(self, "offset", dtype=np.float32)
            expect_shape("offset", self.offset, (self.shape[1],))
        freeze_fields(self, "histories")

    @property
    def shape(self) -> tuple[int, int]:
        """(items, target items)."""
        return map_shape(self.map)

    def apply(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """Return this side's part (rows, target items)."""
        scaled = self._scaled(histories)
        if isinstance(self.map, tuple):
            part = np.asarray((scaled @ self.map[0]) @ self.map[1], np.float32)
        elif isinstance(self.map, np.ndarray):
            part = np.asarray(scaled @ self.map, np.float32)
        else:
            part = np.asarray((scaled @ self.map).toarray(), np.float32)
        if self.offset is not None:
            part += np.asarray(scaled.sum(axis=1), np.float32).reshape(-1, 1) * self.offset
        return part

    def column(self, item: int) -> NDArray[np.float32]:
        """Return what each item of this domain (items,) adds for one target item."""
        found = map_columns(self.map, np.arange(len(self.items)), item)
        return found if self.offset is None else found + self.offset[item]

    def row(self, item: int) -> NDArray[np.float32]:
        """Return what one item of this domain adds for each target item (target items,)."""
        found = map_rows(self.map, item)
        return found if self.offset is None else found + self.offset

    def shares(self, history: sparse.csr_matrix, item: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the item rows of one history (1, items), and what each adds for one target item."""
        scaled = self._scaled(history)
        rows = scaled.indices.astype(np.int64)
        entries = map_columns(self.map, rows, item).astype(np.float64)
        if self.offset is not None:
            entries += self.offset[item]
        return rows, scaled.data.astype(np.float64) * entries

    def near(self, item: int) -> NDArray[np.float32]:
        """Return ``row``, with -inf for the target items that a sparse map does not join to this one."""
        row = self.row(item)
        if isinstance(self.map, tuple | np.ndarray):
            return row
        joined = np.full(len(row), -np.inf, np.float32)
        stored = self.map[[item]].indices
        joined[stored] = row[stored]
        return joined

    def _scaled(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        if not self.power:
            return histories
        length = np.maximum(np.diff(histories.indptr), 1).astype(np.float32) ** self.power
        return sparse.csr_matrix(sparse.diags(1 / length) @ histories, dtype=np.float32)


class HistoryModel(Recommender):
    """A bias per target item, and a side for each domain whose history counts. No side at all is popularity.

    A side that goes by what is declared of people is called ``films:user_features``, and its items are tokens
    (``age=25``), as ``feature_matrices`` names them: everything that is asked of histories goes for these as well.

    People are placed by their histories: with sides, who has none on any of them is answered by popularity. So is
    everyone in a bundle that was saved without histories, who may still be folded in.
    """

    kind: ClassVar[str] = "history"

    def __init__(
        self,
        roster: Roster,
        item_bias: NDArray[np.float32],
        sides: Mapping[str, Side] | None = None,
        *,
        notes: Sequence[str] = (),
    ) -> None:
        self.item_bias = frozen(item_bias, np.float32)
        # one order, whatever a manifest does to it: float sums depend on it
        self._sides = dict(sorted((sides or {}).items()))
        expect_shape("item_bias", self.item_bias, (len(roster.items),))
        placed = np.zeros(len(roster.users), bool)
        for name, side in self.sides.items():
            if side.shape[1] != len(roster.items):
                raise ValueError(f"side '{name}': map leads to {side.shape[1]} items, expected {len(roster.items)}")
            if side.histories is not None:
                expect_shape(f"side '{name}': histories", side.histories, (len(roster.users), len(side.items)))
                placed |= np.diff(side.histories.indptr) > 0
        super().__init__(roster.popular_where(~placed) if self.sides else roster, notes)

    @property
    def sides(self) -> Mapping[str, Side]:
        """The sides by domain, in the order in which they are added up."""
        return MappingProxyType(self._sides)

    def _fill(self, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        out[:] = self.item_bias
        for side in self.sides.values():
            if side.histories is not None:
                out += side.apply(side.histories[rows])

    def _fold_in(self, histories: Mapping[str, sparse.csr_matrix]) -> NDArray[np.float32]:
        scores = self.item_bias[None, :].copy()
        for name, side in self.sides.items():  # in the order of _fill, so that the sums are the same
            if name in histories:
                scores += side.apply(histories[name])
        return scores

    def _domain_items(self) -> Mapping[str, Index]:
        return {name: side.items for name, side in self.sides.items()}

    def _contributions(self, row: int, item: int) -> tuple[list[Reason], list[Reason]]:
        parts = {
            name: side.shares(side.histories[row], item)
            for name, side in self.sides.items()
            if side.histories is not None
        }
        return [Reason(None, None, float(self.item_bias[item]))], reasons_of(parts, self._domain_items())

    def _similar(self, domain: str, row: int) -> NDArray[np.float32]:
        return self.sides[domain].near(row)

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See Recommender.arrays."""
        arrays: dict[str, NDArray[Any]] = {"item_bias": self.item_bias}
        facts: dict[str, Any] = {"sides": {}} | self._noted()
        for name, side in self.sides.items():
            form, parts = map_arrays(side.map)
            if side.offset is not None:
                parts["offset"] = side.offset
            arrays |= {f"side.{name}.{part}": array for part, array in parts.items()}
            facts["sides"][name] = {"power": side.power, "form": form}
        return arrays, facts

    def histories(self) -> Mapping[str, sparse.csr_matrix]:
        """Return the kept histories, by domain."""
        return {n: s.histories for n, s in self.sides.items() if s.histories is not None}

    @classmethod
    def from_arrays(
        cls,
        roster: Roster,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        indexes: Mapping[str, Index],
        histories: Mapping[str, sparse.csr_matrix],
    ) -> HistoryModel:
        """Rebuild the model that ``arrays`` and ``indexes`` describe."""
        sides = {}
        for name, settings in facts["sides"].items():
            shape = (len(indexes[name]), len(roster.items))
            parts = {k.removeprefix(f"side.{name}."): v for k, v in arrays.items() if k.startswith(f"side.{name}.")}
            item_map = map_from(settings["form"], parts, shape)
            sides[name] = Side(indexes[name], item_map, settings["power"], histories.get(name), parts.get("offset"))
        return cls(roster, arrays["item_bias"], sides, notes=facts.get("notes", ()))
