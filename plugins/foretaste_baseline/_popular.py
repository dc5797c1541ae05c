"""The same list for everybody: what most people preferred."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from foretaste import Carried, Context, Domain, HistoryModel, Roster, Strategy, Transfer


class Popular(Strategy):
    """Score = log(1 + number of people who preferred the item). No settings."""

    name: ClassVar[str] = "baseline/popular"
    baseline: ClassVar[bool] = True

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Count."""
        bias = np.log1p(transfer.target.interactions.popularity).astype(np.float32)
        return HistoryModel(Roster.of(transfer).without_source(), bias)
