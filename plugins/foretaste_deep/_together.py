"""What strategies that train on source and target together have in common: nothing is learnt beforehand."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from foretaste import Carried, Context, Domain
from foretaste_deep._deep import Deep


class Together(Deep, ABC):
    """Towers that begin untrained, and so take longer than those that were pretrained."""

    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    units: Annotated[int, Field(ge=0)] = 0
    """How many units the hidden layer of the source towers has; 0 is a linear tower."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Step size of Adam for what the target brings."""
    epochs: Annotated[int, Field(ge=1)] = 80
    """The most passes over the target's people."""
    decay: Literal["none", "linear", "cosine"] = "none"
    """How step sizes fall to zero over ``epochs``."""
    patience: Annotated[int, Field(ge=0)] = 15
    """Epochs without gain for the people held out after which training ends."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Hand nothing on: the source's rows are trained on beside the target's."""
        return Carried()
