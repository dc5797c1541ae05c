import inspect
from typing import ClassVar

import numpy as np
import pytest

from foretaste import FactorModel
from foretaste.evaluation import hold_out, score
from foretaste.experiment import RandomHoldout
from foretaste.metrics import Ndcg
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, taste_of, taste_world
from foretaste_baseline import Als, Popular

SMALL = {"factors": 4, "regularization": 1.0}


class TestAls(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Als
    params: ClassVar[dict[str, float]] = SMALL


def gain(seed: int) -> float:
    held = hold_out(taste_world(240, seed=seed), RandomHoldout(kind="random", fraction=0.2), 0)
    metric = Ndcg(5)
    als, popular = (score(fit_once(one, held.train), held, [metric]) for one in (Als(**SMALL), Popular()))
    return als.overall[metric.label] - popular.overall[metric.label]


def test_known_people_get_more_of_what_they_want_than_by_popularity() -> None:
    assert np.mean([gain(seed) for seed in range(3)]) > 0.03


def test_newcomers_are_answered_by_popularity() -> None:
    world = taste_world()
    newcomers = np.flatnonzero(world.target.interactions.history == 0)
    people = world.target.interactions.users.take(newcomers)
    assert people
    als, popular = (fit_once(one, world).recommend(people, 5) for one in (Als(**SMALL), Popular()))
    assert als.to_rows() == popular.to_rows()
    assert {one.path for one in als} == {"popular"}


def test_items_of_one_taste_lie_near_each_other() -> None:
    world = taste_world()
    films = world.target.interactions.items.ids.to_list()
    near = fit_once(Als(**SMALL), world).similar_items(films, 3)
    same = [taste_of(item) == taste_of(one.user) for one in near for item in one.items]
    assert np.mean(same) > 0.8


def test_a_history_that_is_folded_in_gives_what_training_gave() -> None:
    world = taste_world()
    rows = world.target.interactions
    found = fit_once(Als(**SMALL), world)
    assert isinstance(found, FactorModel)
    known = np.flatnonzero(rows.history > 0)
    folded = found.encoders["films"].encode(rows.preference[known])
    np.testing.assert_allclose(folded, found.user_factors[known], atol=1e-6)


def test_a_machine_with_a_gpu_gets_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    import implicit.als

    expected = fit_once(Als(**SMALL), taste_world())
    order = list(inspect.signature(implicit.als.AlternatingLeastSquares).parameters)
    defaults = list(implicit.als.AlternatingLeastSquares.__defaults__)
    defaults[order.index("use_gpu")] = True
    monkeypatch.setattr(implicit.als.AlternatingLeastSquares, "__defaults__", tuple(defaults))
    found = fit_once(Als(**SMALL), taste_world())
    assert isinstance(expected, FactorModel)
    assert isinstance(found, FactorModel)
    np.testing.assert_array_equal(found.item_factors, expected.item_factors)
