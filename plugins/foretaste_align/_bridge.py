"""A bridge from source to target embeddings for each person, of what the person is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste_align._bent import Bent, Error
from foretaste_align._lesson import Lesson, Vectors
from foretaste_align._mlp import Mlp


class Bridge(Bent):
    """PTUPCDR (Zhu et al., Personalized transfer of user preferences for cross-domain recommendation, WSDM 2022): each
    person has a map of their own, which a meta network makes of their source history; embeddings stay as they were
    factorised, and the network is learnt by the task, predicted preferences, and not by vectors.

    Departures: the map of a person is the ridge map, common to all, and a matrix of rank ``units``, U diag(g) V; the
    meta network is one layer, g = tanh(x A + a), on the vector x of the source history, where the paper pools item
    vectors by attention; it counts as much as it gains for people whom it did not see. The task is
    sum_i (r_i - m.q_i)^2 over all target items, r_i = 1 for what is preferred and 0 else, as the data are preferences.
    """

    name: ClassVar[str] = "align/bridge"
    gated: ClassVar[bool] = True
    settings: ClassVar[tuple[Mapping[str, object], ...]] = tuple(
        {**one, "penalty": 3e-4} if "penalty" in one else one for one in Mlp.settings
    )

    units: Annotated[int, Field(ge=1)] = 16
    """The rank of what a person's map has of its own."""
    penalty: Annotated[float, Field(gt=0)] = 1e-4
    """Weight of the squared length of the correction's parameters, in units of the error without it."""

    def error(self, lesson: Lesson, base: Vectors) -> Error:
        """Squared errors of predicted preferences, over all items of the target."""
        items = lesson.items.astype(np.float64)
        gram = items.T @ items
        preferred = lesson.preference.astype(bool).astype(np.float64) @ items
        rows = float(lesson.preference.nnz)

        def error(added: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            vectors = base + added
            turned = vectors @ gram
            return rows + float((vectors * (turned - 2 * preferred)).sum()), 2 * (turned - preferred)

        return error
