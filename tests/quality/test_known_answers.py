"""Figures on data that lie beside the checkout; skipped where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from foretaste import Domain, Overlap, Strategy, Transfer
from foretaste.evaluation import hold_out, score
from foretaste.experiment import GivenHoldout, HoldoutSpec, NewcomersHoldout
from foretaste.metrics import Ndcg, RootMeanSquaredError
from foretaste.testing import fit_once
from foretaste_align import Bridge, Prior, Ratings, Ridge
from foretaste_baseline import Als, Popular, RatingItem, RatingItemUser, RatingMean, RatingUser
from foretaste_linear import NaiveBayes

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BENCH, DOUBAN = SHARED / "bench", SHARED / "data" / "douban_book_music"


def ndcg(strategy: Strategy, transfer: Transfer, holdout: HoldoutSpec) -> float:
    held = hold_out(transfer, holdout, 7)
    return score(fit_once(strategy, held.train), held, [Ndcg(10)]).overall["ndcg@10"]


@pytest.fixture(scope="module")
def bench() -> Transfer:
    """A synthetic pair: low-rank tastes that are a linear map of each other, validation rows in training."""
    if not BENCH.is_dir():
        pytest.skip("the synthetic pair is not beside the checkout")
    sides = [Domain.from_frame(pl.read_parquet(BENCH / f"pair_{name}.parquet"), name) for name in ("source", "target")]
    return Transfer.of(*sides, Overlap("users"))


@pytest.mark.parametrize(
    ("strategy", "least"),
    [
        (Als(factors=64, regularization=10.0), 0.080),
        (Als(factors=64, regularization=30.0, alpha=4.0), 0.090),
        (Ridge(map_regularization=0.01, kappa=3.0), 0.100),
        (Ridge(regularization=30.0, alpha=4.0), 0.107),
        (Bridge(regularization=30.0, alpha=4.0), 0.107),
        (Prior(prior_precision=100.0, alpha=4.0), 0.110),
        (NaiveBayes(power=0.5, prior=0.5), 0.110),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_the_synthetic_pair_is_solved(bench: Transfer, strategy: Strategy, least: float) -> None:
    assert ndcg(strategy, bench, GivenHoldout(kind="given")) >= least


@pytest.fixture(scope="module")
def douban() -> Transfer:
    """Book -> music, ratings from 1 to 5."""
    if not DOUBAN.is_dir():
        pytest.skip("the ratings of books and music are not beside the checkout")
    sides: list[Any] = [
        Domain.from_frame(pl.read_parquet(DOUBAN / f"{name}.parquet"), name) for name in ("book", "music")
    ]
    return Transfer.of(*sides, Overlap("users"))


def test_items_and_generosity_predict_a_newcomers_ratings(douban: Transfer) -> None:
    held = hold_out(douban, NewcomersHoldout(fraction=0.2), 7)
    found = [
        score(fit_once(one, held.train), held, [RootMeanSquaredError()]).overall["rmse"]
        for one in (RatingItemUser(), RatingItem(), RatingUser(), RatingMean())
    ]
    assert found == sorted(found)
    assert found[0] <= 0.86


def test_factors_and_a_learnt_map_cost_a_newcomers_ratings_nothing(douban: Transfer) -> None:
    held = hold_out(douban, NewcomersHoldout(fraction=0.2), 7)
    mine, trivial = (
        score(fit_once(one, held.train), held, [RootMeanSquaredError()]).overall["rmse"]
        for one in (Ratings(), RatingItemUser(item_damping=2.0))
    )
    assert mine <= 1.01 * trivial


def test_a_hard_pair_is_not_lost_to_popularity_by_much(douban: Transfer) -> None:
    holdout = NewcomersHoldout(fraction=0.2)
    assert ndcg(NaiveBayes(), douban, holdout) >= 0.85 * ndcg(Popular(), douban, holdout)
