"""People held out of a training on the target, to say when it ends; and what a step holds back of those who learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste_deep._histories import masked

UNSHOWN = 0.5
"""Share of the steps in which somebody's target rows are all to be told, as a newcomer's are."""
JUDGED_SECONDS = 0.45
"""Share of a budget that may go into finding when to stop: training on everybody takes a little longer again."""
_MOST_JUDGES = 2000
"""So many people at most are held out."""


def held_out(
    taught: NDArray[np.bool_], placed: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return who is held out, a share of those who are ``taught`` (users,); of them only who is ``placed`` (users,) by
    a source, if anybody is.
    """
    both = taught & placed
    pool = np.flatnonzero(both if both.any() else taught)
    return np.sort(rng.permutation(pool)[: min(int(share * len(pool)), _MOST_JUDGES)])


def hidden(
    rows: sparse.csr_matrix, rng: np.random.Generator, unshown: float = UNSHOWN
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return which of these rows (people, items) a step shows, and which it asks for: at times all, else some."""
    share = np.where(rng.random(rows.shape[0]) < unshown, 0, rng.random(rows.shape[0]))
    visible = rng.random(rows.nnz) < np.repeat(share, np.diff(rows.indptr))
    return masked(rows, visible), masked(rows, ~visible)
