"""Pretrain a history encoder on the source, fine-tune it on the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from foretaste import Carried, Context, Domain, FactorModel, PairFacts, Strategy, Transfer

_FEWEST_PEOPLE = 64


class Finetune(Strategy):
    """Two towers: score(u, i) = v_u . q_i + b_i. A person's tower reads their histories, so that who comes later is
    served without retraining; the item tower is a vector and a bias per target item.

    The source tower is pretrained on all people of the source, to tell from half of a history the rest of it; then it
    is fine-tuned to tell from the source history what shared people preferred in the target. Target histories have a
    tower of their own, v_u = b own + (1 - b) source, b = k / (k + kappa), k the number of target rows; in training a
    random part of them is shown, and the rest is to be told.

    Pretrained parameters move at ``encoder_rate`` times the rate of new ones, after ``thaw`` epochs, and are pulled
    back to where they began (L2-SP: Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
    convolutional networks, ICML 2018). People who are held out at first say after how many epochs to stop.
    """

    name: ClassVar[str] = "deep/finetune"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "deep"
    portable: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "factors", "units", "loss", "negatives", "dropout", "batch", "source_epochs", "source_learning_rate",
    )  # fmt: skip

    factors: Annotated[int, Field(ge=1)] = 64
    """Length of the vectors."""
    units: Annotated[int, Field(ge=0)] = 0
    """How many units the hidden layer of the source tower has; 0 is a linear tower."""
    loss: Literal["softmax", "bpr", "bce"] = "softmax"
    """softmax: over all items or ``negatives`` of them; bpr and bce: against one drawn item each."""
    negatives: Annotated[int, Field(ge=1)] = 1000
    """The most items that a softmax runs over."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of a source history that is left out in each step."""
    batch: Annotated[int, Field(ge=1)] = 256
    """People per step."""
    source_epochs: Annotated[int, Field(ge=0)] = 20
    """Passes over the source's people; 0 leaves the source tower untrained."""
    source_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Step size of Adam in pretraining."""
    epochs: Annotated[int, Field(ge=1)] = 150
    """The most passes over the target's people."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Step size of Adam for what the target brings."""
    encoder_rate: Annotated[float, Field(ge=0)] = 1.0
    """Step size of the pretrained parameters, as a share of that; 0 leaves them as they were."""
    thaw: Annotated[int, Field(ge=0)] = 0
    """So many epochs pretrained parameters stand still; the hidden layer moves at half of it."""
    pull: Annotated[float, Field(ge=0)] = 1e-4
    """Weight of the squared distance of pretrained parameters to where they began."""
    regularization: Annotated[float, Field(ge=0)] = 1e-4
    """Weight of the squared length of the target's item vectors."""
    patience: Annotated[int, Field(ge=0)] = 20
    """Epochs without gain for the people held out after which training ends."""
    held: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the people who are held out at first, to say when to stop; 0: after ``epochs``."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Number of target rows at which own and source vector count alike."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Fine-tuning needs people to learn from."""
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Train the source tower. No person is in it."""
        from foretaste_deep._pretraining import pretrained
        from foretaste_deep._training import Schedule

        rows = source.interactions
        weights = rarity(rows.popularity, int((rows.history > 0).sum()))
        tower = pretrained(
            f"{self.name}: {source.name}",
            ones(rows.preference),
            weights,
            factors=self.factors,
            units=self.units,
            loss=self.loss,
            negatives=self.negatives,
            dropout=self.dropout,
            learning_rate=self.source_learning_rate,
            schedule=Schedule(self.source_epochs, self.batch),
            context=context,
        )
        return Carried(tower.arrays() | {"weights": weights})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Fine-tune, and hand the towers on as plain arrays."""
        from foretaste_deep._finetuning import finetuned

        return finetuned(self, carried, transfer, context)


def ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with ones for its stored entries."""
    return sparse.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), matrix.shape)


def rarity(popularity: NDArray[Any], people: int) -> NDArray[np.float32]:
    """Return (items,) the inverse document frequency, log((1 + people) / (1 + people who had it))."""
    return np.asarray(np.log((1 + people) / (1 + popularity)), np.float32)
