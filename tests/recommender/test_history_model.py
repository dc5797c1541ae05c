from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender import HistoryModel, Side
from recommender.toy_recommenders import (
    BOOKS,
    MAPS,
    MOVIES,
    N_BOOKS,
    N_MOVIES,
    SOURCE,
    TARGET,
    USERS,
    history_model,
    item_map,
    roster,
)


def as_dense(found):
    if isinstance(found, tuple):
        return found[0] @ found[1]
    return found.toarray() if sparse.issparse(found) else found


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("form", MAPS)
def test_a_side_adds_history_times_map_and_offset_over_a_power_of_the_length(form, power):
    found = item_map(form, N_BOOKS, 1)
    offset = np.arange(N_MOVIES, dtype=np.float32)
    side = Side(Index(BOOKS, "item"), found, power, SOURCE, offset)
    length = np.maximum(SOURCE.getnnz(axis=1), 1)[:, None] ** power
    expected = SOURCE.toarray() @ (as_dense(found) + offset) / length
    np.testing.assert_allclose(side.apply(SOURCE), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", MAPS)
def test_rows_and_columns_of_a_side_are_those_of_map_and_offset(form):
    found = item_map(form, N_BOOKS, 1)
    offset = np.arange(N_MOVIES, dtype=np.float32)
    side = Side(Index(BOOKS, "item"), found, offset=offset)
    np.testing.assert_allclose(side.row(3), as_dense(found)[3] + offset, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(side.column(4), as_dense(found)[:, 4] + offset[4], rtol=1e-5, atol=1e-5)


def test_the_order_in_which_domains_are_given_does_not_change_a_bit():
    model = history_model()
    books, movies = BOOKS[:5], MOVIES[:4]
    one = model.recommend_for({"books": books, "movies": movies})
    assert model.recommend_for({"movies": movies, "books": books}) == one


def test_no_side_at_all_is_the_bias_for_all_who_are_placed():
    model = HistoryModel(roster(), np.arange(N_MOVIES, dtype=np.float32))
    found = model.recommend(["u0"], 2, exclude_seen=False)[0]
    assert (found.items, found.path) == ([MOVIES[-1], MOVIES[-2]], "known")


def test_who_has_no_history_on_any_side_is_answered_by_popularity():
    only_target = {"movies": Side(Index(MOVIES, "item"), item_map("dense", N_MOVIES, 1), histories=TARGET)}
    model = HistoryModel(roster(), np.zeros(N_MOVIES, np.float32), only_target)
    assert [one.path for one in model.recommend(["u0", "u45"])] == ["known", "popular"]


def test_without_histories_all_are_answered_by_popularity_but_can_be_folded_in():
    whole = history_model()
    sides = {name: Side(s.items, s.map, s.power, None, s.offset) for name, s in whole.sides.items()}
    model = HistoryModel(roster(), whole.item_bias, sides)
    assert {one.path for one in model.recommend(USERS)} == {"popular"}
    assert model.explain("u0", 100).reasons[0].domain is None
    assert model.recommend_for({"books": ["b1"]}) == whole.recommend_for({"books": ["b1"]})


def test_items_that_a_sparse_map_does_not_join_are_not_similar():
    found = sparse.csr_matrix(([2.0, 1.0], ([0, 0], [7, 4])), shape=(N_BOOKS, N_MOVIES))
    model = HistoryModel(roster(), np.zeros(N_MOVIES), {"books": Side(Index(BOOKS, "item"), found)})
    assert [one.items for one in model.similar_items(["b0", "b1"], of="books")] == [[107, 104], []]


def test_a_map_in_fortran_order_scores_as_one_in_c_order_to_the_bit():
    left, right = item_map("factors", N_BOOKS, 1)
    one = Side(Index(BOOKS, "item"), (left, right)).apply(SOURCE)
    other = Side(Index(BOOKS, "item"), (np.asfortranarray(left), np.asfortranarray(right))).apply(SOURCE)
    assert (one == other).all()


def test_shapes_that_do_not_fit_are_refused_by_name():
    books = Index(BOOKS, "item")
    with pytest.raises(ValueError, match="map: found 3 rows, expected 20, one for each item"):
        Side(books, np.zeros((3, N_MOVIES)))
    with pytest.raises(ValueError, match=r"found factors \(20, 3\) and \(2, 30\), expected \(n, r\) and \(r, m\)"):
        Side(books, (np.zeros((20, 3)), np.zeros((2, 30))))
    with pytest.raises(ValueError, match="side 'books': map leads to 4 items, expected 30"):
        HistoryModel(roster(), np.zeros(N_MOVIES), {"books": Side(books, np.zeros((N_BOOKS, 4)))})
    with pytest.raises(ValueError, match=r"item_bias: found shape \(3,\), expected \(30,\)"):
        HistoryModel(roster(), np.zeros(3))
    with pytest.raises(ValueError, match="side 'books': histories: found shape"):
        HistoryModel(
            roster(), np.zeros(N_MOVIES), {"books": Side(books, np.zeros((N_BOOKS, N_MOVIES)), histories=TARGET)}
        )
