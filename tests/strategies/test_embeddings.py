"""Item vectors by any of several factorisations."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any, ClassVar, get_args

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Domain, Features, Index, Overlap, StrategyError, Transfer, feature_matrices
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, newcomer_lift, taste_world
from foretaste_align import Ridge
from foretaste_align._embeddings import Embedding, item_vectors
from foretaste_align._ials import ials

SMALL: dict[str, Any] = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}
EMBEDDINGS = get_args(Embedding)


def described(domain: Domain) -> Domain:
    """Return the domain with a genre for each item, the letter of its taste, and a word that says nothing."""
    ids = domain.interactions.items.ids
    table = pl.DataFrame({"item_id": ids, "genre": ids.str.extract(r"-(\w)"), "shop": "ours"})
    features = Features.from_frame(table, domain.interactions.items, "item_id", {}, "items")
    return replace(domain, item_features=features)


def described_world(n_people: int = 120) -> Transfer:
    pair = taste_world(n_people).pair
    return Transfer.of(described(pair.source), described(pair.target), Overlap("users"))


class TestIals(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ridge
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "ials"}


class TestBpr(TestIals):
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "bpr"}


class TestLmf(TestIals):
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "lmf"}


class TestFeatures(TestIals):
    params: ClassVar[dict[str, Any]] = {**SMALL, "embedding": "features"}

    def world(self) -> Transfer:
        return described_world()


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_newcomers_gain_by_every_embedding(embedding: str) -> None:
    assert newcomer_lift(Ridge(**SMALL, embedding=embedding), described_world(240)) > 0.03


@pytest.mark.parametrize("factors", [2, 5, 40])
def test_items_of_equal_features_have_equal_vectors_and_those_without_have_zeros(factors: int) -> None:
    table = pl.DataFrame({"item_id": ["a", "b", "c", "d", "e"], "tags": ["x|y", "y|x", "z", None, "x|z|v|w|u"]})
    features = Features.from_frame(table, Index(table["item_id"], "item"), "item_id", {}, "items")
    nobody = sparse.csr_matrix((3, 5), dtype=np.float32)
    how: dict[str, Any] = {"regularization": 1.0, "alpha": 1.0, "epochs": 1, "seed": 0, "threads": 1}
    found = item_vectors(nobody, "features", features=features, factors=factors, **how)
    assert found.shape == (5, factors)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert not found[3].any()
    if factors > 2:  # nothing is lost: cosines are those of the features
        cosine = found[0] @ found[4] / np.linalg.norm(found[0]) / np.linalg.norm(found[4])
        rows = feature_matrices([features]).matrices[0]
        assert cosine == pytest.approx((rows @ rows.T)[0, 4], abs=1e-5)


def test_a_domain_without_features_is_named() -> None:
    with pytest.raises(StrategyError, match="books: embedding 'features' needs item_features, the domain has none"):
        fit_once(Ridge(**SMALL, embedding="features"), taste_world())


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_vectors_have_the_length_that_was_asked_for_and_biases(embedding: Embedding) -> None:
    target = described_world().target
    X, features = target.interactions.preference, target.item_features
    found = item_vectors(
        X, embedding, features=features, factors=5, regularization=1.0, alpha=1.0, epochs=3, seed=0, threads=1
    )
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
