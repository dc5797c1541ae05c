"""A linear map from source embeddings to target embeddings, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from foretaste import Context
from foretaste.solvers import weighted_ridge
from foretaste_align._lesson import Lesson, Vectors
from foretaste_align._mapped import Mapped
from foretaste_align._sources import Map


class Ridge(Mapped):
    """EMCDR's linear map (Man, Shen, Jin and Cheng, Cross-domain recommendation: an embedding and mapping approach,
    IJCAI 2017) by weighted ridge regression.

    Departures: the map is solved in closed form with an intercept; people count by their evidence, are not replaced by
    their mapped vector where they have their own, and popularity may be mixed in: see Mapped.
    """

    name: ClassVar[str] = "align/ridge"
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"alpha": 4.0, "regularization": 30.0},
        {"alpha": 4.0, "map_regularization": 1.0},
        {"alpha": 10.0, "regularization": 30.0, "factors": 32, "map_regularization": 1.0},
        {"map_regularization": 1.0, "regularization": 3.0},
        {"regularization": 3.0, "popularity": 0.1},
        # small data: strong regularization leaves zeros, in the source only what is popular
        {"factors": 16, "regularization": 0.1, "map_regularization": 1.0, "kappa": 10.0, "popularity": 0.3},
        {"factors": 32, "regularization": 1.0, "source_regularization": 1.0, "kappa": 10.0, "popularity": 0.05},
    )

    map_regularization: Annotated[float, Field(gt=0)] = 0.3
    """Ridge weight of the map, in units of the mean diagonal of the source vectors' Gram matrix."""

    def learn(self, lesson: Lesson, context: Context) -> Map:
        """Solve the ridge regression."""
        strength = penalty(lesson.x, self.map_regularization)
        return Map(*weighted_ridge(lesson.x, lesson.y, strength, weights=lesson.weights))


def penalty(X: Vectors, share: float) -> float:
    """Return ``share`` of the mean diagonal of X'X, above zero."""
    return float(max(share * (X.astype(np.float64) ** 2).sum() / max(X.shape[1], 1), 1e-9))
