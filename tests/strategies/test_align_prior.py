from typing import Any, ClassVar

import numpy as np
import pytest

from foretaste import FactorModel, Transfer
from foretaste.evaluation import hold_out, score
from foretaste.experiment import NewcomersHoldout
from foretaste.metrics import Ndcg
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, newcomer_lift, taste_world, two_source_world, unrelated_world
from foretaste_align import Prior, Ridge

SMALL: dict[str, Any] = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}


class TestPrior(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Prior
    params: ClassVar[dict[str, Any]] = SMALL


class TestPriorWithTwoSources(TestPrior):
    def world(self) -> Transfer:
        return two_source_world()


def fitted(strategy: Strategy, world: Transfer) -> FactorModel:
    found = fit_once(strategy, world)
    assert isinstance(found, FactorModel)
    return found


def scores(model: FactorModel) -> Any:
    return model.user_factors @ model.item_factors.T


@pytest.mark.parametrize("shrinkage", [0.0, 0.5, 1.0])
def test_newcomers_are_where_the_map_puts_them(shrinkage: float) -> None:
    """Whatever the prior's form: turning the space changes no score."""
    world = taste_world()
    new = (world.target.interactions.history == 0) & (world.source_length > 0)
    mine = fitted(Prior(**SMALL, shrinkage=shrinkage), world)
    np.testing.assert_allclose(scores(mine)[new], scores(fitted(Ridge(**SMALL), world))[new], atol=2e-4)


def test_a_firm_prior_leaves_everybody_where_the_map_puts_them() -> None:
    world = taste_world()
    both = (world.target.interactions.history > 0) & (world.source_length > 0)
    firm = fitted(Prior(**SMALL, prior_precision=1e8), world)
    mapped = fitted(Ridge(**SMALL), world)
    encoder = mapped.encoders["books"]
    expected = encoder.encode(world.pair.source_history)[both] @ mapped.item_factors.T
    np.testing.assert_allclose(scores(firm)[both], expected, atol=1e-3)


def test_a_weak_prior_leaves_everybody_where_their_own_items_put_them() -> None:
    world = taste_world()
    weak = fitted(Prior(**SMALL, prior_precision=1e-6), world)
    seen = world.target.interactions.seen.toarray() > 0
    known = seen.any(axis=1)
    fit = scores(weak)[known]
    assert fit[seen[known]].mean() > fit[~seen[known]].mean() + 0.4


@pytest.mark.parametrize("visible", [1, 3])
def test_few_own_items_help_and_do_not_replace_the_source(visible: int) -> None:
    holdout = NewcomersHoldout(visible=visible, levels=[0, 1, 3])
    held = [hold_out(taste_world(240, seed=seed), holdout, seed) for seed in range(4)]

    def figure(strategy: Strategy) -> float:
        return float(np.mean([score(fit_once(strategy, h.train), h, [Ndcg(5)]).overall["ndcg@5"] for h in held]))

    between = figure(Prior(**SMALL, prior_precision=30.0))
    assert between > 0.95 * figure(Prior(**SMALL, prior_precision=1e8))
    assert between > figure(Prior(**SMALL, prior_precision=1e-6))


def test_newcomers_gain_where_taste_carries_over_and_nothing_where_it_does_not() -> None:
    assert newcomer_lift(Prior(**SMALL), taste_world()) > 0.08
    assert np.mean([newcomer_lift(Prior(**SMALL), unrelated_world(seed=seed)) for seed in range(3)]) < 0.02
