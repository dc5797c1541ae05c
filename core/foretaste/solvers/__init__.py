"""Closed-form solvers and exact top-k for those who write strategies.

Interactions are ``scipy.sparse.csr_matrix`` with users as rows; dense results are float32 unless said
otherwise. Every function checks its arguments at the door and raises ValueError; none changes an argument,
draws a random number or touches the host's thread settings.
"""

from __future__ import annotations

from foretaste.solvers._als import als_rows, als_shares
from foretaste.solvers._biases import RatingBiases, rating_biases
from foretaste.solvers._checks import is_count
from foretaste.solvers._ease import EaseFit, ease, ease_dual, ease_map, ease_memory
from foretaste.solvers._gram import gram
from foretaste.solvers._rating_rows import rating_rows, rating_shares
from foretaste.solvers._ridge import KernelRidgeFit, kernel_ridge, weighted_ridge
from foretaste.solvers._topk import top_k, top_k_dot

__all__ = [
    "EaseFit",
    "KernelRidgeFit",
    "RatingBiases",
    "als_rows",
    "als_shares",
    "ease",
    "ease_dual",
    "ease_map",
    "ease_memory",
    "gram",
    "is_count",
    "kernel_ridge",
    "rating_biases",
    "rating_rows",
    "rating_shares",
    "top_k",
    "top_k_dot",
    "weighted_ridge",
]
