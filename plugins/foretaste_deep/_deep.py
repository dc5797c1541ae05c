"""What all deep strategies are asked for."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from foretaste import PairFacts, Search, Strategy
from foretaste_deep._gpu import unsupported

_FEWEST_PEOPLE = 64


class Deep(Strategy, ABC):
    """Vectors of people and items, learnt by gradient descent: score(u, i) = v_u . q_i + b_i."""

    requires: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "deep"
    ends_in_time: ClassVar[bool] = True

    factors: Annotated[int, Field(ge=1)] = 64
    """Length of the vectors."""
    loss: Literal["softmax", "bpr", "bce"] = "softmax"
    """softmax: over all items or ``negatives`` of them; bpr and bce: against one drawn item each."""
    negatives: Annotated[int, Field(ge=1)] = 1000
    """The most items that a softmax runs over."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of a source history that is left out in each step."""
    batch: Annotated[int, Field(ge=1)] = 256
    """People per step."""
    epochs: Annotated[int, Field(ge=1)] = 40
    """The most passes over the target's people."""
    learning_rate: Annotated[float, Field(gt=0), Search(3e-3, 1e-2)] = 3e-3
    """Step size of Adam for what the target brings."""
    decay: Literal["none", "linear", "cosine"] = "cosine"
    """How step sizes fall to zero over ``epochs``."""
    regularization: Annotated[float, Field(ge=0)] = 1e-4
    """Weight of the squared length of the target's item vectors."""
    patience: Annotated[int, Field(ge=0)] = 10
    """Epochs without gain for the people held out after which training ends."""
    held: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the people who are held out at first, to say when to stop; 0: after ``epochs``."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Number of target rows at which own and source vector count alike."""
    mixed_precision: bool = True
    """Whether a GPU multiplies in bfloat16; a CPU never does."""

    def unsupported(self, device: str) -> str | None:
        """A GPU has to be there."""
        return unsupported(device)

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Training needs people to learn from."""
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"
