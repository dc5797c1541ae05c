"""Forecasts of an experiment's transfers, one for each source, of training data: test people have no say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretaste.audit import Twins
from foretaste.data import Transfer
from foretaste.forecast import Forecast, forecast


@dataclass(frozen=True)
class PairForecast:
    """What one source can bring to a target by itself."""

    source: str
    target: str
    forecast: Forecast

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {"source": self.source, "target": self.target, "forecast": self.forecast.as_dict()}


def forecasts_of(train: Transfer, twins: Mapping[str, Twins], seed: int) -> list[PairForecast]:
    """Forecast each pair of what is trained on; ``twins`` of each source were found on the whole data."""
    return [
        PairForecast(pair.source.name, train.target.name, forecast(pair, seed=seed, twins=twins.get(pair.source.name)))
        for pair in train.pairs
    ]
