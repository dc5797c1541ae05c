from typing import ClassVar

import numpy as np

from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, newcomer_lift, taste_world
from foretaste_baseline import Popular


class TestPopular(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Popular


def test_everybody_gets_what_most_people_preferred() -> None:
    world = taste_world()
    rows = world.target.interactions
    best = rows.items.take(np.argsort(-rows.popularity, kind="stable")[:5].astype(np.int64))
    found = fit_once(Popular(), world)
    for answer in found.recommend([*rows.users.ids.to_list(), "stranger"], 5, exclude_seen=False):
        assert answer.items == best


def test_a_score_is_the_logarithm_of_one_and_the_people() -> None:
    world = taste_world()
    rows = world.target.interactions
    items = rows.items.ids.to_list()
    scores = fit_once(Popular(), world).score([rows.users.ids[0]] * len(items), items)
    np.testing.assert_allclose(scores, np.log1p(rows.popularity), rtol=1e-6)


def test_it_lifts_nobody_over_popularity() -> None:
    assert newcomer_lift(Popular(), taste_world()) == 0
