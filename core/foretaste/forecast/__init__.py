"""The forecast: what transfer can bring on a pair, estimated in seconds and on a sample, before anything is fitted."""

from foretaste.forecast._forecast import Expected, Forecast, forecast
from foretaste.forecast._shift import Shift

__all__ = ["Expected", "Forecast", "Shift", "forecast"]
