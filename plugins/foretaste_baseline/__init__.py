"""Baselines: the target alone. What transfer must beat."""

from foretaste import Strategy, hookimpl
from foretaste_baseline._als import Als
from foretaste_baseline._ease import Ease
from foretaste_baseline._popular import Popular
from foretaste_baseline._ratings import RatingItem, RatingItemUser, RatingMean, RatingUser

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the baselines, simplest first."""
    return [Popular, Als, Ease, RatingMean, RatingItem, RatingUser, RatingItemUser]
