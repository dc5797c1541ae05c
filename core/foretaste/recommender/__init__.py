"""Recommenders: trained with anything, served without training packages."""

from foretaste.recommender._answers import Reason, Reasons, Recommendations, Recommended
from foretaste.recommender._blend import Blend
from foretaste.recommender._correction import Correction
from foretaste.recommender._cut import cut_map
from foretaste.recommender._encoder import Encoder, Mix, own_share
from foretaste.recommender._factors import FactorModel
from foretaste.recommender._gates import GroupGate, LinearGate
from foretaste.recommender._guarded_gate import GuardedGate
from foretaste.recommender._history import HistoryModel, Side
from foretaste.recommender._interface import Recommender
from foretaste.recommender._kinds import PLAIN
from foretaste.recommender._map import ItemMap
from foretaste.recommender._pair_layer import PairLayer
from foretaste.recommender._ranked import ranked
from foretaste.recommender._rating_scale import RatingScale
from foretaste.recommender._roster import Roster

KINDS: dict[str, type[Recommender]] = PLAIN | {Blend.kind: Blend}
"""The kinds that a bundle may hold, by name."""

__all__ = [
    "KINDS",
    "Blend",
    "Correction",
    "Encoder",
    "FactorModel",
    "GroupGate",
    "GuardedGate",
    "HistoryModel",
    "ItemMap",
    "LinearGate",
    "Mix",
    "PairLayer",
    "RatingScale",
    "Reason",
    "Reasons",
    "Recommendations",
    "Recommended",
    "Recommender",
    "Roster",
    "Side",
    "cut_map",
    "own_share",
    "ranked",
]
