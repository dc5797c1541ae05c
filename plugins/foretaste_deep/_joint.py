"""Train on source and target at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from foretaste import Carried, Context, FactorModel, Transfer
from foretaste_deep._together import Together


class Joint(Together):
    """Multi-task learning: the two towers of ``deep/finetune``, with L = sum_s a_s L_s + (1 - sum_s a_s) L_target.

    L_target ranks what people preferred in the target first, as there. L_s is the source's own task, with item vectors
    and biases of its own: all people of the source, a part of each history being left out, are to be told the whole of
    it. Both go through the source tower, which begins untrained. Each step has a batch of people of the target and one
    of each source. L_s is scaled to as many items per person as the target has, so that ``alpha``, of which all sources
    have the same part a_s, weighs domains whatever their size; joint factorisation was best with small ones where it
    was tuned (RecBole 2.0: Zhao et al., CIKM 2022). With ``alpha`` 0 the target alone is trained on, and source
    histories are what it reads. ``balance`` says what becomes of a_s in training (``guarded`` compares gradients on the
    source tower, as Du et al., Adapting auxiliary losses using gradient similarity, arXiv 2018). People who are held
    out at first say after how many epochs to stop; everybody is then trained on with the course that a_s had taken.
    """

    name: ClassVar[str] = "deep/joint"

    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """What all sources together count beside the target; 0: nothing is learnt from people without target rows."""
    balance: Literal["fixed", "annealed", "guarded"] = "fixed"
    """``annealed``: alpha falls to 0 over ``epochs``; ``guarded``: it is halved where a gradient disagrees, on source
    towers that move."""
    encoder_rate: Annotated[float, Field(ge=0)] = 1.0
    """Step size of the source towers, as a share of ``learning_rate``; 0 leaves them untrained."""
    source_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Step size of Adam for the source's item vectors and biases."""

    @model_validator(mode="after")
    def _guard_sees_gradients(self) -> Self:
        """Refuse to compare gradients of towers that have none."""
        if self.balance == "guarded" and not self.encoder_rate:
            raise ValueError("balance: found guarded, which compares gradients on towers that 'encoder_rate: 0' holds")
        return self

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Train on both, and hand the towers on as plain arrays."""
        from foretaste_deep._joining import joining

        return joining(self, transfer, context).fitted()
