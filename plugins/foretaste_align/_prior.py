"""Implicit ALS whose prior mean is the mapped embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import Context, Encoder, FactorModel, Mix, Roster, Transfer, sealed
from foretaste_align._lesson import Vectors
from foretaste_align._mapped import histories_of, teachers
from foretaste_align._ridge import Ridge
from foretaste_align._sources import held_out

_SMALLEST = 1e-6
_FIRM = {"factors": 32, "alpha": 4.0, "regularization": 30.0, "map_regularization": 1.0}
"""What own rows say counts more, and is learnt by heart less."""


class Prior(Ridge):
    """A person's vector minimises sum c (r - p.q)^2 + (1 + kappa / k) (p - m)' L (p - m), m the mapped vector and
    k the number of target rows: p is m without target history and the own vector where there is much; what lies
    between is weighed by every item seen. Few rows are held the more firmly to m: what one row says is mostly chance.

    The form of L is learnt: L = precision d C^-1 / tr(C^-1), C the covariance of own vectors around vectors that were
    mapped by maps which did not see them, drawn towards a multiple of I by ``shrinkage``. Where the map is sure, people
    keep to it; where it errs, their own items decide. People without source history are drawn to the mean vector. The
    space is turned so that L is a multiple of I there. Items stay as they were factorised.
    """

    name: ClassVar[str] = "align/prior"
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {**_FIRM, "prior_precision": 10.0},
        {**_FIRM, "prior_precision": 100.0},
        {**_FIRM, "popularity": 0.05},
        {"alpha": 4.0, "prior_precision": 100.0},
        {"map_regularization": 1.0, "regularization": 3.0},
        # small data: strong regularization leaves zeros, in the source only what is popular
        {
            "prior_precision": 100.0,
            "factors": 32,
            "regularization": 1.0,
            "source_regularization": 1.0,
            "popularity": 0.05,
        },
        {"prior_precision": 30.0, "factors": 16, "regularization": 0.1, "map_regularization": 1.0, "popularity": 0.3},
    )

    prior_precision: Annotated[float, Field(gt=0)] = 30.0
    """How firmly people with many rows are held to their mapped vector; an unobserved item weighs 1."""
    shrinkage: Annotated[float, Field(ge=0, le=1)] = 0.5
    """0: the prior's form is all learnt; 1: it is equally firm in all directions."""

    def mixed(
        self,
        transfer: Transfer,
        target: Encoder,
        encoders: Mapping[str, Encoder],
        vectors: Mapping[str, Vectors],
        center: Vectors | None,
        context: Context,
    ) -> FactorModel:
        """Turn the space, and fold target histories in with the mapped vectors as prior means."""
        own = vectors[transfer.target.name]
        turn = self._turn(transfer, target, vectors, own, context)
        every = {name: _turned(encoder, turn) for name, encoder in encoders.items()}
        items = np.asarray(target.item_factors @ np.linalg.inv(turn).T, np.float32)
        # the precision stands in for the regularization, which would draw to zero
        every[transfer.target.name] = replace(target, item_factors=sealed(items), regularization=_SMALLEST)
        held = transfer.target.interactions.preference.getnnz(axis=1) > 0
        middle = np.asarray((own[held].mean(axis=0) if center is None else center) @ turn, np.float32)
        mix = Mix(self.kappa, middle, self.prior_precision)
        histories = {name: histories_of(encoder) for name, encoder in every.items()}
        known = {name: found for name, found in vectors.items() if name != transfer.target.name}
        people = mix.people(every, transfer.target.name, histories, known)
        roster = Roster.of(transfer)
        return FactorModel(
            roster,
            people,
            items,
            item_bias=roster.popularity_bias(self.popularity),
            encoders=every,
            kappa=self.kappa,
            center=middle,
            prior_precision=self.prior_precision,
        )

    def _turn(
        self,
        transfer: Transfer,
        target: Encoder,
        vectors: Mapping[str, Vectors],
        own: Vectors,
        context: Context,
    ) -> NDArray[np.float64]:
        """Return T with L = precision T T': vectors times T have a prior that is equally firm in all directions."""
        d = own.shape[1]
        if self.shrinkage == 1:
            return np.eye(d)
        covariance = np.zeros((d, d))
        for pair in transfer.pairs:
            lesson = self.lesson(transfer, target, vectors[pair.source.name], own, teachers(pair))
            missed = lesson.y - held_out(lesson, lambda part: self.learn(part, context), context.rng(3))
            weights = lesson.weights
            covariance += (missed * weights[:, None]).T @ missed / max(float(weights.sum()), 1e-12)
        spread = covariance + 1e-3 * max(float(np.trace(covariance)) / d, 1e-9) * np.eye(d)
        form = np.linalg.inv(spread)
        form = (1 - self.shrinkage) * d * form / np.trace(form) + self.shrinkage * np.eye(d)
        found: NDArray[np.float64] = np.linalg.cholesky(form)
        return found


def _turned(encoder: Encoder, turn: NDArray[np.float64]) -> Encoder:
    assert encoder.matrix is not None
    assert encoder.offset is not None
    matrix, offset = (np.asarray(one @ turn, np.float32) for one in (encoder.matrix, encoder.offset))
    return replace(encoder, matrix=matrix, offset=offset)
