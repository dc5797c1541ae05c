from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender import Blend, FactorModel, GroupGate, HistoryModel, Roster, Side

N_USERS, N_ITEMS = 20_000, 4_000
RNG = np.random.default_rng(0)


def sparse_ones(rows: int, columns: int, each: int) -> sparse.csr_matrix:
    where = np.repeat(np.arange(rows), each), RNG.integers(0, columns, rows * each)
    return sparse.csr_matrix((np.ones(rows * each, np.float32), where), shape=(rows, columns))


def roster() -> Roster:
    paths = np.zeros(N_USERS, np.uint8)
    paths[::2] = 3
    users, items = Index(np.arange(N_USERS), "user"), Index(np.arange(N_ITEMS), "item")
    return Roster("movies", (), users, items, np.arange(N_ITEMS, dtype=float), paths, sparse_ones(N_USERS, N_ITEMS, 3))


def factor_model():
    return FactorModel(roster(), RNG.normal(size=(N_USERS, 8)), RNG.normal(size=(N_ITEMS, 8)))


def history_model():
    side = Side(Index(range(500), "item"), sparse_ones(500, N_ITEMS, 40), 0.5, sparse_ones(N_USERS, 500, 3))
    return HistoryModel(roster(), np.zeros(N_ITEMS), {"books": side})


def blend():
    same = roster()
    members = {
        "factors": FactorModel(same, RNG.normal(size=(N_USERS, 8)), RNG.normal(size=(N_ITEMS, 8))),
        "popular": HistoryModel(same, np.zeros(N_ITEMS)),
    }
    nobody = np.zeros(N_USERS, np.int64)
    return Blend(same, members, GroupGate(np.full((3, 2), 0.5)), nobody, nobody)


@pytest.mark.parametrize("make", [factor_model, history_model, blend])
def test_ranking_everyone_never_holds_all_scores(make):
    model = make()
    tracemalloc.start()
    model.rank(np.arange(N_USERS), 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * N_USERS * N_ITEMS / 2


@pytest.mark.parametrize("make", [factor_model, history_model])
def test_asking_for_a_million_items_makes_room_for_no_more_than_there_are(make):
    model = make()
    tracemalloc.start()
    (one, *_) = model.recommend(range(100), 10**6, allow=[1, 2, 3], exclude_seen=False)
    model.recommend_for({}, 10**6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted(one.items) == [1, 2, 3]
    assert peak < 100 * 10**6
