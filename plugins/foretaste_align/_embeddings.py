"""Item vectors of one domain, by any of several factorisations."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Domain, Features, StrategyError, feature_matrices
from foretaste_align._ials import ials

Vectors = NDArray[np.float32]
Embedding = Literal["als", "ials", "bpr", "lmf", "features"]

_STRENGTH = 10.0
"""What vectors that ALS did not learn are scaled to: the mean eigenvalue of their Gram matrix, per regularization."""


def item_vectors(
    preference: sparse.csr_matrix,
    embedding: Embedding,
    *,
    features: Features | None = None,
    factors: int,
    regularization: float,
    alpha: float,
    epochs: int,
    seed: int,
    threads: int,
) -> Vectors:
    """Return (items, factors), float32. People's vectors are one ALS step away, and are made where they are needed.

    ``als``: Hu, Koren and Volinsky (ICDM 2008) by implicit. ``ials``: the same with regularization scaled by frequency,
    by ourselves. ``bpr``: Rendle et al. (UAI 2009), ``lmf``: Johnson (2014), both by implicit, with their
    biases as one and two factors more, and brought to the scale of the ALS step that folds people in. That step is not
    what they were learnt by, and they are behind ALS without popularity mixed in. They run on one thread, as more are
    not reproducible. ``features``: not what people prefer is factorised, but ``features``: the truncated singular value
    decomposition of their TF-IDF rows (Deerwester et al., Indexing by latent semantic analysis, JASIS 1990). Items that
    nobody preferred yet have a vector then; those without a feature have zeros.
    """
    if embedding == "features":
        assert features is not None
        return _scaled(_latent(feature_matrices([features]).matrices[0], factors), regularization)
    if embedding == "ials":
        rng = np.random.default_rng([seed, 11])
        return ials(preference, factors, regularization, alpha=alpha, epochs=epochs, rng=rng)[1]
    import implicit.cpu.als  # noqa: F401 - brings a BLAS along, which the limit below must find loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # implicit warns, and is slow, where BLAS has threads of its own
        if embedding == "als":
            return _by_als(preference, factors, regularization, alpha, epochs, seed, threads)
        found = (_by_bpr if embedding == "bpr" else _by_lmf)(preference, factors, epochs, seed)
    return _scaled(found, regularization)


def features_for(embedding: Embedding, domain: Domain) -> Features | None:
    """Return what the items of a domain are embedded by; StrategyError where that is needed and is not there."""
    if embedding == "features" and domain.item_features is None:
        raise StrategyError(f"{domain.name}: embedding 'features' needs item_features, the domain has none")
    return domain.item_features


def _latent(rows: sparse.csr_matrix, factors: int) -> Vectors:
    """Return (items, factors): rows times the right singular vectors; zeros where there are fewer tokens."""
    n, tokens = rows.shape
    found = np.zeros((n, factors), np.float32)
    if min(n, tokens) <= factors:
        directions = np.linalg.svd(rows.toarray().astype(np.float64), full_matrices=False)[2].T
    else:
        from scipy.sparse.linalg import svds

        start = np.full(min(n, tokens), min(n, tokens) ** -0.5)  # a fixed one: the default is drawn at random
        directions = svds(rows.astype(np.float64), k=factors, v0=start)[2].T
    found[:, : directions.shape[1]] = rows @ directions
    return found


def _by_als(
    preference: sparse.csr_matrix,
    factors: int,
    regularization: float,
    alpha: float,
    epochs: int,
    seed: int,
    threads: int,
) -> Vectors:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors, regularization, alpha, iterations=epochs, num_threads=threads, random_state=seed
    )
    return _fitted(model, preference)


def _by_bpr(preference: sparse.csr_matrix, factors: int, epochs: int, seed: int) -> Vectors:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(factors, iterations=10 * epochs, num_threads=1, random_state=seed)
    return _fitted(model, preference)


def _by_lmf(preference: sparse.csr_matrix, factors: int, epochs: int, seed: int) -> Vectors:
    from implicit.lmf import LogisticMatrixFactorization

    model = LogisticMatrixFactorization(factors, iterations=2 * epochs, num_threads=1, random_state=seed)
    return _fitted(model, preference)


def _fitted(model: Any, preference: sparse.csr_matrix) -> Vectors:
    model.fit(preference, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def _scaled(vectors: Vectors, regularization: float) -> Vectors:
    eigenvalue = float((vectors.astype(np.float64) ** 2).sum()) / max(vectors.shape[1], 1)
    return np.asarray(vectors * np.sqrt(_STRENGTH * regularization / max(eigenvalue, 1e-12)), np.float32)
