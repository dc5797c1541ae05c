"""Metrics of what people were shown, checked before they are believed: a plugin may bring some of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from foretaste.errors import PluginError
from foretaste.metrics import Metric, Ranking, Ratings

T = TypeVar("T")

Values = dict[str, NDArray[np.float64]]
"""Metric label to a value (people,) for each person."""


def measured(metrics: Sequence[Metric], seen: Ranking | Ratings, n_people: int) -> tuple[Values, dict[str, float]]:
    """Return each metric's values per person and its figure for all, by label.

    Raises PluginError, naming the metric, where it fails or what it returns are no such numbers.
    """
    values = {metric.label: _values(metric, seen, n_people) for metric in metrics}
    return values, {metric.label: _figure(metric, values[metric.label], seen) for metric in metrics}


def _values(metric: Metric, seen: Ranking | Ratings, n_people: int) -> NDArray[np.float64]:
    found = _asked(metric, "values", lambda: metric.values(seen))
    if not isinstance(found, np.ndarray) or found.shape != (n_people,) or found.dtype.kind not in "biuf":
        kind = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise PluginError(f"metric {metric.label}: values returned {kind}, expected an array of numbers ({n_people},)")
    return found.astype(np.float64, copy=False)


def _figure(metric: Metric, values: NDArray[np.float64], seen: Ranking | Ratings) -> float:
    return _asked(metric, "aggregate", lambda: float(metric.aggregate(values, seen)))


def _asked(metric: Metric, method: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except (Exception, SystemExit) as error:
        what = " ".join(str(error).split())
        said = f"{type(error).__name__}{f': {what}' if what else ''}"
        raise PluginError(f"metric {metric.label}: {method} failed: {said}") from error
