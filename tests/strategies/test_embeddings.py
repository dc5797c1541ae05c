"""Item vectors by any of several factorisations."""

import os
import subprocess
import sys
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
from scipy import sparse

from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, newcomer_lift, taste_world
from foretaste_align import Ridge
from foretaste_align._embeddings import Embedding, item_vectors
from foretaste_align._ials import ials

SMALL: dict[str, Any] = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}
EMBEDDINGS = get_args(Embedding)


class TestIals(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ridge
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "ials"}


class TestBpr(TestIals):
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "bpr"}


class TestLmf(TestIals):
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "lmf"}


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_newcomers_gain_by_every_embedding(embedding: str) -> None:
    assert newcomer_lift(Ridge(**SMALL, embedding=embedding), taste_world(240)) > 0.03


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_vectors_have_the_length_that_was_asked_for_and_biases(embedding: Embedding) -> None:
    X = taste_world().target.interactions.preference
    found = item_vectors(X, embedding, factors=5, regularization=1.0, alpha=1.0, epochs=3, seed=0, threads=1)
    assert found.shape == (X.shape[1], {"bpr": 6, "lmf": 7}.get(embedding, 5))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def loss(X: Any, P: Any, Q: Any, for_users: Any, for_items: Any, alpha: float) -> float:
    weight = np.where(X > 0, alpha * X, 1.0)
    aims = (X > 0).astype(float)
    errors = weight * (aims - P @ Q.T) ** 2
    return float(errors.sum() + (for_users * (P**2).sum(axis=1)).sum() + (for_items * (Q**2).sum(axis=1)).sum())


@pytest.mark.parametrize(("alpha", "exponent"), [(1.0, 0.0), (4.0, 1.0), (0.5, 0.5)])
def test_ials_is_at_a_minimum_of_its_objective(alpha: float, exponent: float) -> None:
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 20)) < 0.3).astype(np.float32)
    dense[:, 0] = 1  # one popular item
    P, Q = (
        one.astype(np.float64)
        for one in ials(sparse.csr_matrix(dense), 3, 2.0, alpha=alpha, exponent=exponent, epochs=300, rng=rng)
    )
    each = []
    for matrix in (dense, dense.T):
        frequency = matrix.sum(axis=1) + matrix.shape[1] / alpha
        each.append(2.0 * (frequency / frequency.mean()) ** exponent)
    best = loss(dense, P, Q, *each, alpha)
    for _ in range(20):
        nearby = P + rng.normal(scale=0.01, size=P.shape), Q + rng.normal(scale=0.01, size=Q.shape)
        assert loss(dense, *nearby, *each, alpha) > best


def test_scaling_by_frequency_holds_popular_items_harder() -> None:
    rng = np.random.default_rng(1)
    dense = (rng.random((60, 20)) < np.linspace(0.05, 0.9, 20)).astype(np.float32)
    X = sparse.csr_matrix(dense)
    plain, scaled = (
        np.linalg.norm(ials(X, 4, 5.0, alpha=4.0, exponent=exponent, rng=np.random.default_rng(0))[1], axis=1)
        for exponent in (0.0, 1.0)
    )
    assert scaled[-1] / scaled[:5].mean() < plain[-1] / plain[:5].mean()


def test_the_first_fit_of_a_process_does_not_warn_of_blas_threads() -> None:
    code = (
        "import numpy as np; from scipy import sparse; from foretaste_align._embeddings import item_vectors;"
        "preference = sparse.csr_matrix(np.eye(4, dtype=np.float32));"
        "item_vectors(preference, 'als', factors=2, regularization=1, alpha=1, epochs=1, seed=0, threads=1)"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error:OpenBLAS", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
