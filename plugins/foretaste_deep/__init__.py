"""Deep transfer: pretrain on the source and fine-tune on the target, or train on both at once."""

from foretaste import Strategy, hookimpl
from foretaste_deep._finetune import Finetune
from foretaste_deep._joint import Joint
from foretaste_deep._multi import Multi
from foretaste_deep._ratings import Ratings

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the deep strategies."""
    return [Finetune, Ratings, Joint, Multi]
