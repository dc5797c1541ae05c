"""A recommender of a plugin's own is believed only where what it ranks is a ranking."""

from __future__ import annotations

import re

import numpy as np
import pytest

from foretaste.errors import StrategyError
from foretaste.recommender import HistoryModel, ranked
from recommender.toy_recommenders import N_MOVIES, every_recommender, history_model

MODELS = every_recommender()
PEOPLE = np.array([0, 45, -1])
ITEMS, SCORES = np.zeros((3, 2), np.int64), np.ones((3, 2), np.float32)


class Mine(HistoryModel):
    answer: object = None

    def rank(self, rows, k, *, exclude_seen=True, allow=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def mine(answer):
    model = history_model()
    made = Mine(model.roster, model.item_bias, model.sides)
    made.answer = answer
    return made


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_ranks_as_it_should(name):
    for found, expected in zip(ranked(MODELS[name], PEOPLE, 5), MODELS[name].rank(PEOPLE, 5), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_short_lists_may_end_in_nothing_several_times():
    items = np.array([[3, -1, -1]] * 3)
    assert ranked(mine((items, np.ones((3, 3), np.float32))), PEOPLE, 3)[0] is items


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "Mine.rank returned NoneType, expected two arrays: item rows and scores"),
        (ITEMS, "Mine.rank returned an array of int64, expected two arrays: item rows and scores"),
        ((ITEMS,), "Mine.rank returned tuple of 1, expected two arrays: item rows and scores"),
        ((ITEMS.tolist(), SCORES), "Mine.rank: item rows: found list of 3, expected an array of whole numbers"),
        ((SCORES, SCORES), "Mine.rank: item rows: found an array of float32, expected an array of whole numbers"),
        ((ITEMS, ITEMS), "Mine.rank: scores: found an array of int64, expected an array of floats"),
        ((ITEMS[:2], SCORES), "Mine.rank: item rows: found shape (2, 2), expected (3, 2)"),
        ((ITEMS, SCORES[:, 0]), "Mine.rank: scores: found shape (3,), expected (3, 2)"),
        ((ITEMS + N_MOVIES, SCORES), "Mine.rank: item rows: found 30, expected -1 (nothing) to 29"),
        ((ITEMS - 2, SCORES), "Mine.rank: item rows: found -2, expected -1 (nothing) to 29"),
        ((ITEMS, SCORES * np.nan), "Mine.rank: scores: found NaN, expected numbers"),
        ((ITEMS, SCORES), "Mine.rank: item rows: found 0 twice in one list, expected distinct items"),
        (KeyError("u7"), "Mine.rank failed: KeyError: 'u7'"),
        (ValueError("one line\n  and another"), "Mine.rank failed: ValueError: one line and another"),
        (MemoryError(), "Mine.rank failed: MemoryError"),
    ],
)
def test_what_is_no_ranking_is_said_in_one_line_with_the_class(answer, words):
    with pytest.raises(StrategyError, match=f"^{re.escape(words)}$"):
        ranked(mine(answer), PEOPLE, 2)


def test_an_error_that_speaks_for_itself_is_passed_on():
    with pytest.raises(StrategyError, match=r"^cancelled$"):
        ranked(mine(StrategyError("cancelled")), PEOPLE, 2)
