"""How much each member of a blend counts for a person, from facts that any history gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foretaste.recommender._person_facts import check_facts, person_facts, reads_scores
from foretaste.recommender._roster import expect_shape, freeze_fields

Weights = NDArray[np.float64]  # (people, members)


class Gate(Protocol):
    """What a blend asks of its gate."""

    @property
    def members(self) -> int:
        """How many members there are weights for."""

    @property
    def reads_scores(self) -> bool:
        """Whether a fact is one of the members' scores: then these are needed before the weights are."""

    def weights(
        self, target_history: NDArray[Any], source_history: NDArray[Any], scores: Sequence[NDArray[np.float32]] = ()
    ) -> Weights:
        """Return weights (people, members) of 0 or more that add up to 1.

        Histories are numbers of rows (people,); ``scores`` are the members' standardised scores, (people, items) each.
        """

    def allows(self, target_history: NDArray[Any]) -> NDArray[np.bool_]:
        """Return (people, members) which members may count at all; where it is one, this one alone does."""

    def typical(self, target_history: NDArray[Any]) -> NDArray[np.float64]:
        """Return (members,) how much each counts for these people on the whole."""


def groups_of(target_history: NDArray[Any], bounds: tuple[int, ...]) -> NDArray[np.int64]:
    """Return (people,) the activity group of each; ``bounds`` are the most rows in each group but the last."""
    return np.searchsorted(bounds, target_history)


def rising(bounds: Sequence[int]) -> tuple[int, ...]:
    """Return bounds as whole numbers; ValueError unless they rise."""
    found = tuple(int(bound) for bound in bounds)
    if list(found) != sorted(set(found)):
        raise ValueError(f"bounds: found {found}, expected numbers that rise")
    return found


@dataclass(frozen=True, eq=False)
class GroupGate:
    """One line of weights per activity group.

    ``weights_by_group`` is (groups, members); ``bounds`` rise: the most target rows that a person of each group but the
    last has, so that (0, 20) parts newcomers, few-shot and warm people. Raises ValueError where these do not fit, or
    weights are below 0 or do not add up to 1.
    """

    weights_by_group: NDArray[np.float64]
    bounds: tuple[int, ...] = (0, 20)

    def __post_init__(self) -> None:
        freeze_fields(self, "weights_by_group", dtype=np.float64)
        object.__setattr__(self, "bounds", rising(self.bounds))
        expect_shape("weights_by_group", self.weights_by_group, (len(self.bounds) + 1, self.weights_by_group.shape[-1]))
        if not ((self.weights_by_group >= 0).all() and np.allclose(self.weights_by_group.sum(axis=1), 1)):
            raise ValueError("weights_by_group: expected weights of 0 or more that add up to 1 in each group")

    @property
    def members(self) -> int:
        """See Gate."""
        return int(self.weights_by_group.shape[1])

    @property
    def reads_scores(self) -> bool:
        """See Gate."""
        return False

    def weights(
        self, target_history: NDArray[Any], source_history: NDArray[Any], scores: Sequence[NDArray[np.float32]] = ()
    ) -> Weights:
        """See Gate."""
        return np.asarray(self.weights_by_group[groups_of(target_history, self.bounds)])

    def allows(self, target_history: NDArray[Any]) -> NDArray[np.bool_]:
        """See Gate."""
        return np.asarray(self.weights(target_history, target_history) > 0)

    def typical(self, target_history: NDArray[Any]) -> NDArray[np.float64]:
        """See Gate."""
        weights = self.weights(target_history, target_history) if len(target_history) else self.weights_by_group
        return np.asarray(weights.mean(axis=0))


@dataclass(frozen=True, eq=False)
class LinearGate:
    """Weights = softmax(constants + coefficients ((facts - center) / scale)).

    ``facts`` names those of ``person_facts``; ``constants`` (members,), ``coefficients`` (members, facts), ``center``
    and ``scale`` (facts,). A soft mixture of experts whose gate is a multinomial logit (Jacobs, Jordan, Nowlan, Hinton,
    Adaptive mixtures of local experts, Neural Computation 1991). Raises ValueError where these do not fit each other.
    """

    facts: tuple[str, ...]
    constants: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", tuple(self.facts))
        freeze_fields(self, *LINEAR_PARTS, dtype=np.float64)
        check_facts(self.facts, len(self.constants))
        expect_shape("constants", self.constants, (self.members,))
        expect_shape("coefficients", self.coefficients, (self.members, len(self.facts)))
        for name in ("center", "scale"):
            expect_shape(name, getattr(self, name), (len(self.facts),))
        if not (self.scale > 0).all():
            raise ValueError(f"scale: found {self.scale.min():g}, expected numbers above 0")

    @property
    def members(self) -> int:
        """See Gate."""
        return len(self.constants)

    @property
    def reads_scores(self) -> bool:
        """See Gate."""
        return reads_scores(self.facts)

    def weights(
        self, target_history: NDArray[Any], source_history: NDArray[Any], scores: Sequence[NDArray[np.float32]] = ()
    ) -> Weights:
        """See Gate."""
        told = (self.read(target_history, source_history, scores) - self.center) / self.scale
        return _softmax(self.constants + told @ self.coefficients.T)

    def read(
        self, target_history: NDArray[Any], source_history: NDArray[Any], scores: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Return the facts (people, facts) of people with these histories and scores, as they are."""
        return person_facts(self.facts, target_history, source_history, scores)

    def allows(self, target_history: NDArray[Any]) -> NDArray[np.bool_]:
        """See Gate."""
        return np.ones((len(target_history), self.members), bool)

    def typical(self, target_history: NDArray[Any]) -> NDArray[np.float64]:
        """See Gate; these are the weights of a person whose facts are all average."""
        return np.asarray(_softmax(self.constants[None])[0])


LINEAR_PARTS = ("constants", "coefficients", "center", "scale")


def _softmax(values: NDArray[np.float64]) -> Weights:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
