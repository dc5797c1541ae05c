"""How far predicted ratings are from the hidden ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foretaste.evaluation._holdout import HeldOut
from foretaste.evaluation._measured import Values, measured
from foretaste.metrics import Metric, Ratings
from foretaste.recommender import Recommender


def rating_scores(
    recommender: Recommender, held: HeldOut, people: NDArray[np.int64], metrics: Sequence[Metric]
) -> tuple[Values, dict[str, float]]:
    """Return rating metrics per person (people,) and over all hidden rows, by label.

    ``people`` are all who have a hidden row, in order. All is NaN for a recommender that predicts no ratings, and
    where the target's feedback is not ratings.
    """
    if not recommender.predicts_ratings or held.test.feedback.kind != "explicit":
        nothing = np.full(len(people), np.nan)
        return {m.label: nothing for m in metrics}, {m.label: float("nan") for m in metrics}
    predicted = recommender.predict_rows(held.test.user_rows, held.test.item_rows).astype(np.float64)
    person = np.searchsorted(people, held.test.user_rows)
    seen = Ratings(predicted, held.test.values.astype(np.float64), person, len(people))
    return measured(metrics, seen, len(people))
