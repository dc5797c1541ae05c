"""Item embeddings by implicit's ALS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import sealed


def item_factors(
    preference: sparse.csr_matrix,
    *,
    factors: int,
    regularization: float,
    alpha: float,
    epochs: int,
    seed: int,
    threads: int,
) -> NDArray[np.float32]:
    """Return (items, factors), read-only. People's vectors are one ALS step away, and made where they are needed."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors, regularization, alpha, iterations=epochs, num_threads=threads, random_state=seed
        )
        model.fit(preference, show_progress=False)
    return sealed(np.asarray(model.item_factors, np.float32))
