"""Deep transfer: pretrain on the source, fine-tune on the target."""

from foretaste import Strategy, hookimpl
from foretaste_deep._finetune import Finetune
from foretaste_deep._ratings import Ratings

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the deep strategies."""
    return [Finetune, Ratings]
