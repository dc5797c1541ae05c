"""A hidden layer from source embeddings to target embeddings, beside a linear map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from foretaste_align._bent import Bent, Error
from foretaste_align._lesson import Lesson, Vectors


class Mlp(Bent):
    """EMCDR's multi-layer perceptron (Man, Shen, Jin and Cheng, Cross-domain recommendation: an embedding and mapping
    approach, IJCAI 2017): one hidden layer, learnt to bring source vectors near to target vectors.

    Departures: units are rectified, as explanations are exact then; the layer corrects the linear map and does not
    replace it; people count by their evidence; and it counts as much as it gains for people whom it did not see.
    """

    name: ClassVar[str] = "align/mlp"
    gated: ClassVar[bool] = False
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"alpha": 4.0, "regularization": 30.0},
        {"alpha": 4.0, "map_regularization": 1.0},
        {"alpha": 10.0, "regularization": 30.0, "factors": 32, "map_regularization": 1.0},
        {"map_regularization": 1.0, "regularization": 3.0, "penalty": 1e-4},
        {"regularization": 3.0, "popularity": 0.1},
        # small data: strong regularization leaves zeros, in the source only what is popular
        {"factors": 16, "regularization": 0.1, "map_regularization": 1.0, "kappa": 10.0, "popularity": 0.3},
        {"factors": 32, "regularization": 1.0, "source_regularization": 1.0, "kappa": 10.0, "popularity": 0.05},
    )

    def error(self, lesson: Lesson, base: Vectors) -> Error:
        """Squared distances to people's target vectors, each by its evidence."""
        left, weights = (lesson.y - base).astype(np.float64), lesson.weights[:, None]

        def error(added: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            missed = left - added
            return float((weights * missed**2).sum()), -2 * weights * missed

        return error
