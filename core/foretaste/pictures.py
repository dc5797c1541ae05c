"""The matrix of lifts as a picture, for a report.

``draw_lifts(result, Path("lifts.png"))`` needs matplotlib (the extra ``report``); ``RunResult.matrix`` has the numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foretaste.errors import MissingPackageError, OutputError
from foretaste.result import Cell, RunResult


def draw_lifts(result: RunResult, place: Path) -> Path:
    """Write a heat map (PNG, or what the ending of ``place`` says) of what is handed on, sources down, targets across.

    Of several transfers of one pair the one that gains most is shown. MissingPackageError without matplotlib,
    OutputError where the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, nothing global
    except ImportError as error:
        raise MissingPackageError("pictures need matplotlib: pip install 'foretaste[report]'") from error
    sources = list(dict.fromkeys(cell.source for cell in result.matrix))
    targets = list(dict.fromkeys(cell.target for cell in result.matrix))
    values = np.full((len(sources), len(targets)), np.nan)
    words: dict[tuple[int, int], str] = {}
    for cell in sorted(result.matrix, key=_gain):
        at = sources.index(cell.source), targets.index(cell.target)
        values[at] = _gain(cell)
        words[at] = cell.verdict if cell.lift is None else f"{_gain(cell):+.3f}\n{cell.verdict}"
    figure = Figure(figsize=(2.5 + 1.3 * len(targets), 1.5 + 0.8 * len(sources)), layout="constrained")
    panel = figure.subplots()
    most = float(np.nanmax(np.abs(values))) or 1.0
    picture = panel.imshow(values, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    panel.set_xticks(range(len(targets)), targets)
    panel.set_yticks(range(len(sources)), sources)
    panel.set_xlabel("target")
    panel.set_ylabel("source")
    for (down, across), text in words.items():
        dark = abs(values[down, across]) > 0.6 * most
        panel.text(across, down, text, ha="center", va="center", color="white" if dark else "black")
    figure.colorbar(picture, label=f"lift in {result.metrics[0]} over the best baseline")
    try:
        figure.savefig(place, dpi=120)
    except (OSError, ValueError) as error:
        raise OutputError(f"{place}: cannot be written: {error}") from error
    return place


def _gain(cell: Cell) -> float:
    return 0.0 if cell.lift is None else cell.lift.value
