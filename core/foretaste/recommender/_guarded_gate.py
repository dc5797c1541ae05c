"""A gate that a guard corrected, and how gates of every kind lie in a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.recommender._gates import LINEAR_PARTS, Gate, GroupGate, LinearGate, Weights, groups_of, rising
from foretaste.recommender._roster import expect_shape


@dataclass(frozen=True, eq=False)
class GuardedGate:
    """The weights of another gate, but for activity groups that one member alone serves.

    ``gate`` has weights for the first members of ``members``; ``served_by`` (groups,) are their places by group, -1
    where the gate decides; ``bounds`` are those of a ``GroupGate``. Raises ValueError where these do not fit.
    """

    gate: GroupGate | LinearGate
    members: int
    served_by: tuple[int, ...]
    bounds: tuple[int, ...] = (0, 20)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", rising(self.bounds))
        object.__setattr__(self, "served_by", tuple(int(place) for place in self.served_by))
        expect_shape("served_by", np.array(self.served_by), (len(self.bounds) + 1,))
        if self.members < self.gate.members or not all(-1 <= place < self.members for place in self.served_by):
            raise ValueError(f"served_by: found {self.served_by}, expected -1 or one of {self.members} members")

    @property
    def reads_scores(self) -> bool:
        """See Gate."""
        return self.gate.reads_scores

    def weights(
        self, target_history: NDArray[Any], source_history: NDArray[Any], scores: Sequence[NDArray[np.float32]] = ()
    ) -> Weights:
        """See Gate."""
        found = np.zeros((len(target_history), self.members))
        found[:, : self.gate.members] = self.gate.weights(target_history, source_history, scores[: self.gate.members])
        place, served = self._served(target_history)
        found[served] = np.eye(self.members)[place[served]]
        return found

    def allows(self, target_history: NDArray[Any]) -> NDArray[np.bool_]:
        """See Gate."""
        found = np.zeros((len(target_history), self.members), bool)
        found[:, : self.gate.members] = self.gate.allows(target_history)
        place, served = self._served(target_history)
        found[served] = np.eye(self.members, dtype=bool)[place[served]]
        return found

    def typical(self, target_history: NDArray[Any]) -> NDArray[np.float64]:
        """See Gate."""
        place, served = self._served(target_history)
        found = np.zeros(self.members)
        if not served.all():
            found[: self.gate.members] = (~served).sum() * self.gate.typical(target_history[~served])
        found += np.bincount(place[served], minlength=self.members)
        return np.asarray(found / max(len(target_history), 1))

    def _served(self, target_history: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        place = np.array(self.served_by)[groups_of(target_history, self.bounds)]
        return place, place >= 0


def gate_arrays(gate: Gate) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return a gate as arrays and facts; ValueError for one that no bundle holds."""
    if isinstance(gate, GroupGate):
        return {"weights_by_group": gate.weights_by_group}, {"kind": "group", "bounds": list(gate.bounds)}
    if isinstance(gate, LinearGate):
        return {part: getattr(gate, part) for part in LINEAR_PARTS}, {"kind": "linear", "facts": list(gate.facts)}
    if isinstance(gate, GuardedGate):
        arrays, inner = gate_arrays(gate.gate)
        about = {"members": gate.members, "served_by": list(gate.served_by), "bounds": list(gate.bounds)}
        return arrays, {"kind": "guarded", "gate": inner, **about}
    raise ValueError(f"gate: found {type(gate).__name__}, expected GroupGate, LinearGate or GuardedGate")


def gate_from(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Gate:
    """Rebuild what ``gate_arrays`` gave."""
    if facts["kind"] == "group":
        return GroupGate(arrays["weights_by_group"], tuple(facts["bounds"]))
    if facts["kind"] == "linear":
        return LinearGate(tuple(facts["facts"]), *(arrays[part] for part in LINEAR_PARTS))
    if facts["kind"] == "guarded":
        inner = gate_from(arrays, facts["gate"])
        if not isinstance(inner, GroupGate | LinearGate):
            raise ValueError("gate: found a guarded one in another")
        return GuardedGate(inner, facts["members"], tuple(facts["served_by"]), tuple(facts["bounds"]))
    raise ValueError(f"gate: found kind {facts['kind']!r}, expected group, linear or guarded")
