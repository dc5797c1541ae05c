"""The kinds of recommender that are not made of others."""

from __future__ import annotations

from foretaste.recommender._factors import FactorModel
from foretaste.recommender._history import HistoryModel
from foretaste.recommender._interface import Recommender

PLAIN: dict[str, type[Recommender]] = {kind.kind: kind for kind in (FactorModel, HistoryModel)}
