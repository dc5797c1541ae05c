"""Kernels of people, and what newcomers have by ridge regression from that of source histories.

K = a + K_source: the constant ``a`` is what everybody prefers. Nobody needs a fit of their own to be predicted from all
others (Rifkin and Lippert, Notes on Regularized Least Squares, 2007): exact but for the rarity of items, which counts
everybody.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.forecast._judged import judged, served
from foretaste.forecast._newcomers import tempered
from foretaste.forecast._sample import Sample
from foretaste.solvers import kernel_ridge

CONSTANT: Final = 10.0
"""What two people have in common beforehand; a person has 1 with themselves, on average."""
STRENGTHS: Final = (3.0, 10.0, 30.0)


def leave_one_out(sample: Sample) -> float:
    """Return the mean gain of newcomers over popularity, everybody predicted from the source histories of all others.

    It tells pairs apart; its sign is not to be trusted, as it knows too much to be careful where data are few.
    """
    kernel = CONSTANT + kernel_of(tempered(sample.source))
    fits = (kernel_ridge(kernel, sample.target, strength).leave_one_out() for strength in STRENGTHS)
    # rounded, as what is left of a person's own row in the last digits would break ties in its favour
    values = np.array([judged(predicted.round(5), sample.target) for predicted in fits])
    liked = np.asarray(sample.target.sum(axis=0)).ravel()
    alone = judged(liked - sample.target.toarray(), sample.target)
    return float((served(values, sample.parts) - alone).mean())


def kernel_of(histories: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return (n, n) inner products of histories, 1 on the diagonal on average."""
    return np.asarray((histories @ histories.T).toarray()) / size_of(histories)


def size_of(histories: sparse.csr_matrix) -> float:
    """Return the mean squared length, 1 where all are empty."""
    return float(histories.multiply(histories).sum()) / histories.shape[0] or 1.0
