"""Embedding transfer: learn both sides' embeddings, then map one space to the other."""

from foretaste import Strategy, hookimpl
from foretaste_align._bridge import Bridge
from foretaste_align._mlp import Mlp
from foretaste_align._prior import Prior
from foretaste_align._procrustes import Procrustes
from foretaste_align._ratings import Ratings
from foretaste_align._ridge import Ridge
from foretaste_align._similarity import Similarity
from foretaste_align._transport import Transport

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the alignment strategies."""
    return [Ridge, Procrustes, Mlp, Bridge, Prior, Ratings, Similarity, Transport]
