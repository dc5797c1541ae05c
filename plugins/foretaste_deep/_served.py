"""Towers that were trained become a recommender, which needs none of them."""

from __future__ import annotations

from collections.abc import Mapping

from foretaste import Encoder, FactorModel, Mix, Roster, Transfer
from foretaste_deep._losses import Items


def served(transfer: Transfer, encoders: Mapping[str, Encoder], ranked: Items, kappa: float) -> FactorModel:
    """Return what places people by the encoders of all domains, mixed by ``kappa``, and ranks these items."""
    read = {name: one.histories for name, one in encoders.items() if one.histories is not None}
    found = Mix(kappa).people(encoders, transfer.target.name, read)
    items, bias = (one.detach().cpu().numpy().copy() for one in (ranked.vectors, ranked.bias))
    layer = None if ranked.scorer is None else ranked.scorer.layer()
    return FactorModel(
        Roster.of(transfer), found, items, item_bias=bias, encoders=encoders, kappa=kappa, pair_layer=layer
    )
