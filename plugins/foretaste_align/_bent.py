"""Maps that are not the same for everybody: a ridge map, and a correction that people call for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import Context, Correction
from foretaste_align._lesson import Lesson, Vectors
from foretaste_align._ridge import Ridge
from foretaste_align._sources import Map

_HELD = 5
"""One in so many people says how far a correction that did not see them is to be trusted."""
_MOST_PEOPLE = 20_000

Error = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]
"""What a correction (n, target d) of n people costs, and the gradient of that."""


class Bent(Ridge):
    """The map of align/ridge and a correction m(x) = ((x U + c) * open(x)) V beside it: see foretaste.Correction.

    The correction is learnt by L-BFGS from four fifths of the people, a random 20,000 at most, around a ridge map of
    theirs. The others say how much of it to keep, a share of 0-1 in closed form: 0 where it gains nothing for who was
    not seen, so that the map is then the ridge map.
    """

    gated: ClassVar[bool]

    units: Annotated[int, Field(ge=1)] = 64
    """How many units the correction has."""
    penalty: Annotated[float, Field(gt=0)] = 3e-4
    """Weight of the squared length of the correction's parameters, in units of the error without it."""
    steps: Annotated[int, Field(ge=1)] = 60
    """The most steps of L-BFGS."""

    @abstractmethod
    def error(self, lesson: Lesson, base: Vectors) -> Error:
        """Return what corrections of ``base`` (n, target d), what the ridge map says of each person, cost."""

    def learn(self, lesson: Lesson, context: Context) -> Map:
        """Solve the ridge regression, and learn what to add."""
        straight = super().learn(lesson, context)
        order = context.rng(4).permutation(len(lesson))[:_MOST_PEOPLE]
        held, taught = lesson.some(order[::_HELD]), lesson.some(np.delete(order, np.s_[::_HELD]))
        if not len(taught) or not taught.weights.any():
            return straight
        around = super().learn(taught, context)
        error = self.error(taught, around(taught.x))
        found = correction(
            taught.x, error, self.units, lesson.y.shape[1], self.gated, self.penalty, self.steps, context.rng(5)
        )
        share = kept(self.error(held, around(held.x)), found.added(held.x).astype(np.float64))
        return Map(straight.matrix, straight.offset, found.scaled(share) if share else None)


def kept(error: Error, added: NDArray[np.float64]) -> float:
    """Return the share 0-1 of a correction that costs least; the error is quadratic in it."""
    (before, slope), (after, _) = error(np.zeros_like(added)), error(added)
    down = float((slope * added).sum())
    bend = after - before - down
    return float(np.clip(-down / (2 * bend), 0, 1)) if bend > 0 else 0.0


def correction(
    x: Vectors,
    error: Error,
    units: int,
    width: int,
    gated: bool,
    penalty: float,
    steps: int,
    rng: np.random.Generator,
) -> Correction:
    """Return the correction that makes error / error without it + penalty * squared length least, by L-BFGS.

    Source vectors are brought to mean square 1 per direction for it, corrections to the length that the first step down
    suggests, so that one penalty suits all data.
    """
    from scipy.optimize import minimize

    n, d = x.shape
    nothing, slope = error(np.zeros((n, width)))
    scale = max(float(np.sqrt((x.astype(np.float64) ** 2).mean())), 1e-12) * np.sqrt(d)
    told = x.astype(np.float64) / scale
    length = _length(error, nothing, slope)
    shapes = [(d, units), (units,), (units, width), *([(d, units), (units,)] if gated else [])]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])

    def parts(flat: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        inner, inner_offset, outer, *gate = parts(flat)
        values = told @ inner + inner_offset
        opened = np.tanh(told @ gate[0] + gate[1]) if gated else (values > 0).astype(np.float64)
        lost, by_added = error(length * (values * opened) @ outer)
        by_added = by_added * (length / max(nothing, 1e-12))
        by_unit = by_added @ outer.T
        by_value = by_unit * opened
        found = [told.T @ by_value, by_value.sum(axis=0), (values * opened).T @ by_added]
        if gated:
            by_gate = by_unit * values * (1 - opened**2)
            found += [told.T @ by_gate, by_gate.sum(axis=0)]
        return lost / max(nothing, 1e-12) + penalty * float(flat @ flat), np.concatenate(
            [part.ravel() for part in found]
        ) + 2 * penalty * flat

    start = [rng.normal(size=shape) * (0.1 if len(shape) == 1 else 1.0) for shape in shapes]
    start[2][:] = 0
    solved = minimize(
        cost, np.concatenate([part.ravel() for part in start]), jac=True, method="L-BFGS-B", options={"maxiter": steps}
    )
    inner, inner_offset, outer, *gate = parts(solved.x)
    arrays = [inner / scale, inner_offset, length * outer, *([gate[0] / scale, gate[1]] if gated else [])]
    return Correction(*(np.asarray(one, np.float32) for one in arrays))


def _length(error: Error, nothing: float, slope: NDArray[np.float64]) -> float:
    """Return the root mean square of the best step along the gradient: how long corrections may be."""
    size = float(np.sqrt((slope**2).mean()))
    if not size:
        return 1.0
    step = -slope / size
    down = float((slope * step).sum())
    bend = error(step)[0] - nothing - down
    return -down / (2 * bend) if bend > 0 else 1.0
