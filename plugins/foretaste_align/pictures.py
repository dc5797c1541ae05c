"""Pictures of an alignment, for a report: both spaces before and after the map, and where the map errs.

``draw_alignment(load_bundle(...), Path("alignment.png"))`` needs matplotlib (the extra ``report``); ``views`` are the
numbers in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foretaste import DataError, FactorModel, MissingPackageError, OutputError, Recommender

_MOST_POINTS = 2_000
_ACTIVITY = (1, 2, 4, 8, 16, 32, 64)
"""The least numbers of target rows of each group of people."""

Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """One source beside the target; people with history on both sides, a random 2,000 at most, by row.

    ``source`` and ``target`` (n, 2) are vectors in the plane of greatest variance of each space, ``mapped`` (n, 2) are
    the mapped vectors in the plane of ``target``. ``activity`` (groups,) is the least number of target rows of a
    group of people, ``people`` (groups,) how many they are, and ``residual`` (groups,) the mean squared distance of
    mapped and own vectors over that of the mean vector and own vectors: 0 where the map is exact, 1 where it tells
    nothing. People whom the map was learnt from are among them.
    """

    source: Points
    target: Points
    mapped: Points
    activity: NDArray[np.int64]
    people: NDArray[np.int64]
    residual: NDArray[np.float64]


def views(recommender: Recommender, seed: int = 0) -> dict[str, View]:
    """Return a view for each source.

    Raises DataError for a recommender that maps no vectors, or ratings, or was saved without histories.
    """
    target = recommender.roster.target
    if not isinstance(recommender, FactorModel) or target not in recommender.encoders:
        raise DataError(f"pictures: found a recommender of kind '{recommender.kind}' that maps no vectors")
    if recommender.rated_domains:
        # fitted to ratings, a map does not aim at people's own vectors, which few ratings hardly move
        raise DataError("pictures: found a recommender of ratings, whose maps are not between vectors")
    histories = recommender.histories()
    sources = [name for name, encoder in recommender.encoders.items() if name != target and encoder.matrix is not None]
    if not sources:
        raise DataError("pictures: found one space of all domains, and no map between two that could be drawn")
    if any(name not in histories for name in (target, *sources)):
        raise DataError("pictures: found no histories of people and maps, expected an alignment saved with histories")
    return {name: _view(recommender, name, seed) for name in sources}


def _view(model: FactorModel, name: str, seed: int) -> View:
    target, histories, encoder = model.roster.target, model.histories(), model.encoders[name]
    length = histories[target].getnnz(axis=1)
    both = np.flatnonzero((length > 0) & (histories[name].getnnz(axis=1) > 0))
    if len(both) < 2:
        raise DataError(f"pictures: found {len(both)} people with history in {name} and {target}, expected 2 or more")
    own = model.mix.people({target: model.encoders[target]}, target, {target: histories[target][both]})
    source = encoder.fold_in(histories[name][both])
    mapped = encoder.mapped(source)
    group = np.searchsorted(_ACTIVITY, length[both], side="right") - 1
    found = np.unique(group)
    missed, spread = (np.square(own - one, dtype=np.float64).sum(axis=1) for one in (mapped, own.mean(axis=0)))
    shown = np.sort(np.random.default_rng(seed).permutation(len(both))[:_MOST_POINTS])
    middle, plane = _plane(own)
    source_middle, source_plane = _plane(source)
    return View(
        np.asarray((source[shown] - source_middle) @ source_plane, np.float32),
        np.asarray((own[shown] - middle) @ plane, np.float32),
        np.asarray((mapped[shown] - middle) @ plane, np.float32),
        np.array(_ACTIVITY, np.int64)[found],
        np.array([(group == one).sum() for one in found], np.int64),
        np.array([missed[group == one].sum() / max(spread[group == one].sum(), 1e-12) for one in found]),
    )


def _plane(vectors: Points) -> tuple[Points, Points]:
    """Return the mean (d,) and the two directions (d, 2) of greatest variance, zeros where there is but one."""
    middle = vectors.mean(axis=0)
    directions = np.linalg.svd(vectors - middle, full_matrices=False)[2][:2].T
    return middle, np.asarray(np.pad(directions, ((0, 0), (0, 2 - directions.shape[1]))), np.float32)


def draw_alignment(recommender: Recommender, place: Path, seed: int = 0) -> Path:
    """Write a picture (PNG, or what the ending of ``place`` says), a row of three panels for each source.

    Raises DataError as ``views`` does, MissingPackageError without matplotlib, OutputError where it cannot be written.
    """
    found = views(recommender, seed)
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, nothing global
    except ImportError as error:
        raise MissingPackageError("pictures need matplotlib: pip install 'foretaste[report]'") from error
    target = recommender.roster.target
    figure = Figure(figsize=(15, 4.5 * len(found)), layout="constrained")
    for panels, (name, view) in zip(figure.subplots(len(found), 3, squeeze=False), found.items(), strict=True):
        before, after, left = panels
        dots = {"s": 6, "alpha": 0.5, "linewidths": 0}
        before.scatter(*_unit(view.source).T, label=f"{name} (its own plane)", **dots)
        before.scatter(*_unit(view.target).T, label=f"{target} (its own plane)", **dots)
        before.set_title("people before alignment")
        after.scatter(*view.target.T, label=f"{target}: own vectors", **dots)
        after.scatter(*view.mapped.T, label=f"mapped from {name}", **dots)
        after.set_title("people after alignment")
        for panel in (before, after):
            panel.set_xticks([])
            panel.set_yticks([])
            panel.legend(markerscale=3)
        left.bar([_group(view, at) for at in range(len(view.activity))], view.residual)
        left.axhline(1, color="grey", linewidth=1, label="the mean vector for everybody")
        left.set_title("what the map leaves, by activity")
        left.set_xlabel(f"rows in {target}; people")
        left.set_ylabel("squared distance, share of the mean vector's")
        left.legend()
    try:
        figure.savefig(place, dpi=120)
    except (OSError, ValueError) as error:
        raise OutputError(f"{place}: cannot be written: {error}") from error
    return place


def _group(view: View, at: int) -> str:
    low = int(view.activity[at])
    high = next((one - 1 for one in _ACTIVITY if one > low), None)
    span = f"{low}+" if high is None else str(low) if high == low else f"{low}-{high}"
    return f"{span}\n{view.people[at]:,}"


def _unit(points: Points) -> Points:
    """Return points with mean square 1: two planes that have nothing to do with each other fit one panel."""
    return points / max(float(np.sqrt((points**2).mean())), 1e-12)
