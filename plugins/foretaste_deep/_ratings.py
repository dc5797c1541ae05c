"""Pretrain on a source's ratings, fine-tune on the target's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field

from foretaste import Carried, Context, Domain, FactorModel, PairFacts, Strategy, StrategyError, Transfer
from foretaste_deep._gpu import unsupported

_FEWEST_PEOPLE = 64


class Ratings(Strategy):
    """Towers of ratings: r = mean + b_i + v_u . (1, q_i), the first of v_u the person's bias.

    A source's tower reads what people rated there, so that who comes later is served without retraining: the sum of
    (r_uj - mean - b_j) y_j over it, divided by the number of ratings and a damping (the asymmetric SVD of Koren,
    Factorization meets the neighborhood, KDD 2008; an autoencoder of ratings, Sedhain, Menon, Sanner and Xie, AutoRec,
    WWW 2015). The first of y_j is how much a rating of j says of the person's bias; it starts at 1, where the bias is
    that of baseline/rating-item-user.

    The tower is pretrained on everybody's ratings in the source, to predict some of a person's from the others (squared
    error). Then it is fine-tuned, with a map M and c that begin as nothing, on what shared people rated in the target.
    M tower + c is where a newcomer is; own target ratings move a person from there by ridge regression, the bias to
    b own + (1 - b) (M tower + c), b = k / (k + kappa), k the number of own ratings. In training a random part of them
    is shown so, and the rest is to be predicted. The biases b_i are damped means of what is left to explain, made anew
    before each epoch: by gradient steps, those of items with few ratings fit the noise.

    Pretrained parameters move at ``encoder_rate`` times the rate of new ones, after ``thaw`` epochs, and are pulled
    back to where they began (L2-SP: Li, Grandvalet and Davoine, ICML 2018). People who are held out at first say after
    how many epochs to stop. Lists are by predicted rating, which says little of what people pick.

    A score is the predicted rating less the mean. Who is not in the model brings ratings of any side; a vector is
    linear in them, so that explanations are exact.
    """

    name: ClassVar[str] = "deep/ratings"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "deep"
    ends_in_time: ClassVar[bool] = True
    portable: ClassVar[bool] = True
    predicts_ratings: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "factors", "damping", "item_damping", "regularization", "batch", "source_epochs", "source_learning_rate",
    )  # fmt: skip
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"factors": 0, "source_epochs": 0},
        {"regularization": 3.0, "damping": 4.0},
        {"damping": 16.0, "pull": 30.0, "learning_rate": 3e-3},
    )
    """Settings worth trying beside the defaults; factors 0 are the biases alone."""

    factors: Annotated[int, Field(ge=0)] = 8
    """Length of the vectors beside the bias; 0: biases alone."""
    damping: Annotated[float, Field(gt=0)] = 8.0
    """Added to the number of a person's source ratings: draws the vectors of who has few to zero."""
    item_damping: Annotated[float, Field(ge=0)] = 2.0
    """Added to the number of an item's ratings, for its bias."""
    kappa: Annotated[float, Field(gt=0)] = 10.0
    """Number of target ratings at which they and the source count alike for a person's bias."""
    regularization: Annotated[float, Field(ge=0)] = 20.0
    """Weight of the squared length of q_i, and in pretraining of y_j less a bias's 1, beside the sum of squared errors
    (in units of the ratings' variance)."""
    pull: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the squared distance of pretrained parameters, and of M, to where they began."""
    batch: Annotated[int, Field(ge=1)] = 64
    """People per step."""
    source_epochs: Annotated[int, Field(ge=0)] = 20
    """Passes over the source's people; 0 leaves the source tower untrained."""
    source_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Step size of Adam in pretraining."""
    epochs: Annotated[int, Field(ge=1)] = 30
    """The most passes over the target's people."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Step size of Adam for what the target brings; it falls to zero over ``epochs`` like a cosine."""
    encoder_rate: Annotated[float, Field(ge=0)] = 1.0
    """Step size of the pretrained parameters, as a share of ``learning_rate``; 0 leaves them as they were."""
    thaw: Annotated[int, Field(ge=0)] = 0
    """So many epochs pretrained parameters stand still."""
    patience: Annotated[int, Field(ge=0)] = 10
    """Epochs without gain for the people held out after which training ends."""
    held: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the people who are held out at first, to say when to stop; 0: after ``epochs``."""

    def unsupported(self, device: str) -> str | None:
        """A GPU has to be there."""
        return unsupported(device)

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Ratings on both sides, and people to learn from."""
        for side in ("source", "target"):
            if any(getattr(one, f"{side}_feedback") != "explicit" for one in facts):
                return f"needs ratings (explicit feedback) on both sides, the {side} has implicit feedback"
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return this setting and those of the list."""
        return self.varied(self.settings)[:n]

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Train the source tower. No person is in it."""
        if source.interactions.feedback.kind != "explicit":
            raise StrategyError(f"{source.name}: found implicit feedback, expected ratings (feedback: explicit)")
        from foretaste_deep._rated import Rated
        from foretaste_deep._rating_pretraining import pretrained_tower

        rated = Rated.of(source.interactions.ratings, self.item_damping)
        tower = pretrained_tower(self, source.name, rated, context)
        return Carried({"items": tower.array(), "expected": rated.expected}, {"spread": rated.spread})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Fine-tune, and hand the towers on as plain arrays."""
        from foretaste_deep._rating_task import RatingTask

        return RatingTask.of(self, carried, transfer, context).fitted()
