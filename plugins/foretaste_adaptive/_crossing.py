"""What weights are worth to people that they were not learnt from, and when none is worth more than no transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foretaste import Blend, Transfer
from foretaste_adaptive._evidence import Evidence
from foretaste_adaptive._members import Members, constant
from foretaste_adaptive._mixes import Weights

Weigh = Callable[[Evidence], Weights]
"""Says how much each member counts: (members,), or (people, members) for the people it is asked of."""
Learn = Callable[[Evidence], Weigh]
_ERRORS = 1.0
"""How many standard errors a mix must be ahead (Breiman, Friedman, Olshen, Stone, 1984, prune by one)."""


def crossed(learn: Learn, evidence: Evidence) -> NDArray[np.float64]:
    """Return (people,) what each one's list is worth by weights that are learnt on all folds but the person's own."""
    folds = evidence.fold if len(np.unique(evidence.fold)) > 1 else np.arange(len(evidence)) % 2
    values = np.zeros(len(evidence))
    for fold in np.unique(folds):
        asked = folds == fold
        others = evidence.taken(asked)
        rest = evidence.taken(~asked) if not asked.all() else others
        values[asked] = others.values(learn(rest)(others))
    return values


def without_transfer(
    members: Members, evidence: Evidence, mixed: NDArray[np.float64], transfer: Transfer
) -> Blend | None:
    """Return the best baseline among the members where a mix, worth ``mixed`` (people,), is not a standard error ahead.

    None where it is, or where no member is a baseline.
    """
    lines = np.eye(len(members.fitted))
    alone = {
        name: (line, evidence.values(line))
        for name, line in zip(members.fitted, lines, strict=True)
        if name in members.baselines
    }
    if not alone or len(evidence) < 2:
        return None
    best = max(alone, key=lambda name: float(alone[name][1].mean()))
    line, values = alone[best]
    gained = mixed - values
    error = float(gained.std(ddof=1)) / np.sqrt(len(gained))
    if gained.mean() > _ERRORS * error:
        return None
    note = (
        f"mixing gains {gained.mean():.4f} over {best} on people held out, one standard error is {error:.4f}: not mixed"
    )
    return constant(replace(members, notes=(*members.notes, note)), transfer, line)
