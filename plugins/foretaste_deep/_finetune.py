"""Pretrain on the source, fine-tune on the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from foretaste import Carried, Context, Domain, FactorModel, Transfer
from foretaste_deep._deep import Deep
from foretaste_deep._histories import ones, rarity

_UNREAD = {"towers": ("private",), "factors": ("units", "rank", "sparse", "features", "dropout", "kappa")}
"""Settings of what a model does not have."""


class Finetune(Deep):
    """Two towers: score(u, i) = v_u . q_i + b_i. A person's tower reads their histories, so that who comes later is
    served without retraining; the item tower is a vector and a bias per target item.

    The source tower is pretrained on all people of the source, to tell from half of a history the rest of it; then it
    is fine-tuned to tell from the source history what shared people preferred in the target. Target histories have a
    tower of their own, v_u = b own + (1 - b) source, b = k / (k + kappa), k the number of target rows; in training a
    random part of them is shown, and the rest is to be told.

    Pretrained parameters move at ``encoder_rate`` times the rate of new ones, after ``thaw`` epochs, and are pulled
    back to where they began (L2-SP: Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
    convolutional networks, ICML 2018); or they stand still beside an adapter of low ``rank``. People who are held out
    at first say after how many epochs to stop.

    Items that are described are the sum of a vector of their own and of one for each token (a value, a word, a tenth of
    a number's range); tokens of the target begin with what sources learnt of those of the same name. Items that nobody
    had are known by that alone, and are nobody's negatives.

    ``model: factors`` is matrix factorisation in place of the towers: v_u = e_u T + r_u, e_u learnt from the person's
    source rows in pretraining and then left as it is, T (d, d), r_u from target rows. It serves those whom it was
    trained with, newcomers included, and takes everybody else for a stranger; what is carried then holds people.
    ``scorer_units`` adds a hidden layer over person and item to the scores of either (He et al., Neural collaborative
    filtering, WWW 2017).
    """

    name: ClassVar[str] = "deep/finetune"
    portable: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "model", "factors", "units", "loss", "negatives", "dropout", "batch", "features", "sparse",
        "mixed_precision",
        "source_epochs", "source_learning_rate",
    )  # fmt: skip

    model: Literal["towers", "factors"] = "towers"
    """Whether people are read from their histories, or have vectors of their own."""
    features: bool = True
    """Whether items are also known by what is declared of them, where a domain declares something. For towers."""
    units: Annotated[int, Field(ge=0)] = 0
    """How many units the hidden layer of the source tower has; 0 is a linear tower. For towers."""
    source_epochs: Annotated[int, Field(ge=0)] = 20
    """Passes over the source's people; 0 leaves the source tower untrained."""
    source_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Step size of Adam in pretraining."""
    encoder_rate: Annotated[float, Field(ge=0)] = 1.0
    """Step size of the pretrained parameters, as a share of ``learning_rate``; 0 leaves them as they were."""
    thaw: Annotated[int, Field(ge=0)] = 0
    """So many epochs pretrained parameters stand still; the hidden layer moves at half of it."""
    pull: Annotated[float, Field(ge=0)] = 1e-4
    """Weight of the squared distance of pretrained parameters to where they began."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Rank of an adapter beside the source tower, which then stands still, whatever ``encoder_rate``, ``thaw`` and
    ``pull`` are; 0: no adapter. For towers."""
    scorer_units: Annotated[int, Field(ge=0)] = 0
    """How many units a layer over person and item has; 0: scores are products of vectors."""
    sparse: bool = False
    """Whether a step moves only those items' vectors that it touched, undrawn by ``pull`` and ``regularization``: for
    catalogues of hundreds of thousands. For towers of items of which nothing is declared, or none is read."""
    private: Annotated[float, Field(ge=0)] = 1e-2
    """Weight of the squared length of r_u. For factors."""

    @model_validator(mode="after")
    def _all_is_read(self) -> Self:
        """Refuse a setting that would change nothing."""
        fields = type(self).model_fields
        for name in _UNREAD[self.model]:
            value = getattr(self, name)
            if value != fields[name].default:
                raise ValueError(f"{name}: found {value}, which 'model: {self.model}' does not read; leave it out")
        return self

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Train the source tower, in which there is no person; or people's vectors, where the model has those."""
        from foretaste_deep._pretraining import pretrained_people, pretrained_tower

        rows = source.interactions
        preference = ones(rows.preference)
        if self.model == "factors":
            return Carried({"people": pretrained_people(self, source.name, preference, context)}, personal=("people",))
        weights = rarity(rows)
        arrays, names = pretrained_tower(self, source, preference, weights, context)
        return Carried(arrays | {"weights": weights}, {"tokens": list(names)} if names else {})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Fine-tune, and hand the model on as plain arrays."""
        from foretaste_deep._finetuning import finetuning

        return finetuning(self, carried, transfer, context).fitted()
