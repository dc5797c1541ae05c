from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender import Encoder, FactorModel
from recommender.toy_recommenders import BOOKS, MOVIES, N_MOVIES, N_USERS, WEIGHTS, additive_model, factor_model, roster


def vectors(rows: int, d: int = 4):
    return np.random.default_rng(0).normal(size=(rows, d)).astype(np.float32)


def test_a_person_whose_vector_is_zero_is_answered_by_popularity():
    people = vectors(N_USERS)
    people[0] = 0
    assert FactorModel(roster(), people, vectors(N_MOVIES)).recommend(["u0"])[0].path == "popular"


def test_a_history_of_items_without_a_vector_is_answered_by_popularity_as_a_known_persons_is():
    items = vectors(N_MOVIES)
    items[5] = 0
    encoder = Encoder(Index(MOVIES, "item"), items, 1.0)
    model = FactorModel(roster(), vectors(N_USERS), items, encoders={"movies": encoder})
    found = model.recommend_for({"movies": [MOVIES[5]]}, 3)
    expected = model.recommend_for({"movies": ([MOVIES[5]], [0])}, 3)
    assert (found.path, found.items) == ("popular", expected.items)
    assert model.recommend_for({"movies": [MOVIES[5], MOVIES[6]]}, 3).path == "folded-in"


def test_without_an_encoder_of_the_target_its_items_can_still_be_compared():
    model = FactorModel(roster(), vectors(N_USERS), vectors(N_MOVIES))
    assert len(model.similar_items([MOVIES[0]], 3)[0].items) == 3


def test_the_nearest_item_is_the_one_that_points_the_same_way():
    items = vectors(N_MOVIES)
    items[5] = 3 * items[2]
    found = FactorModel(roster(), vectors(N_USERS), items).similar_items([MOVIES[2]], 1)[0]
    assert found.items == [MOVIES[5]]
    assert found.scores == [pytest.approx(1.0, abs=1e-6)]


def test_an_item_without_a_vector_is_like_none_and_none_is_like_it():
    items = vectors(N_MOVIES)
    items[5] = 0
    model = FactorModel(roster(), vectors(N_USERS), items)
    without, other = model.similar_items([MOVIES[5], MOVIES[2]], N_MOVIES)
    assert without.items == []
    assert set(other.items) == set(MOVIES) - {MOVIES[5], MOVIES[2]}


def test_the_arrays_cannot_be_written_to_and_the_callers_own_can():
    people = vectors(N_USERS)
    model = FactorModel(roster(), people, vectors(N_MOVIES))
    with pytest.raises(ValueError, match="read-only"):
        model.user_factors[0, 0] = 1
    people[0, 0] = 1


def test_a_map_without_an_offset_and_an_offset_without_a_map_both_count():
    source = vectors(len(BOOKS))
    histories = factor_model().encoders["books"].histories
    plain = Encoder(Index(BOOKS, "item"), source, 1.0).encode(histories)
    offset = np.arange(4, dtype=np.float32)
    moved = Encoder(Index(BOOKS, "item"), source, 1.0, offset=offset).encode(histories)
    np.testing.assert_allclose(moved, plain + offset, rtol=1e-6)
    turned = Encoder(Index(BOOKS, "item"), source, 1.0, matrix=2 * np.eye(4, dtype=np.float32)).encode(histories)
    np.testing.assert_allclose(turned, 2 * plain, rtol=1e-6)


def test_items_may_tell_more_or_less_and_vectors_may_have_length_one():
    source, items = vectors(len(BOOKS)), Index(BOOKS, "item")
    histories = factor_model().encoders["books"].histories
    telling = Encoder(items, source, 1.0, item_weights=WEIGHTS).encode(histories)
    by_hand = histories @ sparse.diags(WEIGHTS, format="csr")
    np.testing.assert_allclose(telling, Encoder(items, source, 1.0).encode(by_hand.tocsr()), rtol=1e-5)
    unit = Encoder(items, source, 1.0, item_weights=WEIGHTS, unit_length=True).encode(histories)
    np.testing.assert_allclose(unit * np.linalg.norm(telling, axis=1)[:, None], telling, atol=1e-5)
    with pytest.raises(ValueError, match=r"item_weights: found shape \(3,\), expected"):
        Encoder(items, source, 1.0, item_weights=WEIGHTS[:3])


def test_a_linear_encoder_is_the_history_of_length_one_times_the_items_vectors():
    source, items = vectors(len(BOOKS)), Index(BOOKS, "item")
    histories = factor_model().encoders["books"].histories
    told = histories.toarray() * WEIGHTS
    lengths = np.linalg.norm(told, axis=1, keepdims=True)
    expected = told / np.where(lengths > 0, lengths, 1) @ source
    found = Encoder(items, source, linear=True, item_weights=WEIGHTS).encode(histories)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(
        Encoder(items, source, linear=True, item_weights=WEIGHTS).encode((3 * histories).tocsr()), expected, atol=1e-5
    )


def test_vectors_of_all_domains_add_up_where_a_model_is_additive():
    model = additive_model()
    one, other = {"books": BOOKS[:3]}, {"movies": MOVIES[:2]}
    by_item = [
        {i: s - model.item_bias[MOVIES.index(i)] for i, s in zip(found.items, found.scores, strict=True)}
        for found in (model.recommend_for(told, N_MOVIES) for told in (one, other, one | other))
    ]
    common = set.intersection(*(set(found) for found in by_item))
    assert len(common) > 20
    for item in common:
        assert by_item[2][item] == pytest.approx(by_item[0][item] + by_item[1][item], abs=1e-4)


def test_what_an_additive_or_linear_part_does_not_read_is_refused():
    with pytest.raises(ValueError, match="additive: found a center or prior_precision beside it"):
        FactorModel(roster(), vectors(N_USERS), vectors(N_MOVIES), additive=True, prior_precision=1.0)
    movies, linear = vectors(N_MOVIES), Encoder(Index(MOVIES, "item"), vectors(N_MOVIES), linear=True)
    with pytest.raises(ValueError, match="encoder 'movies': a linear one takes no prior, found a prior_precision"):
        FactorModel(roster(), vectors(N_USERS), movies, encoders={"movies": linear}, prior_precision=1.0)


def test_shapes_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match=r"user_factors: found shape \(3, 4\), expected \(52, 4\)"):
        FactorModel(roster(), vectors(3), vectors(N_MOVIES))
    with pytest.raises(ValueError, match=r"item_factors: found shape \(3, 4\), expected \(30, 4\)"):
        FactorModel(roster(), vectors(N_USERS), vectors(3))
    encoder = Encoder(Index(BOOKS, "item"), vectors(len(BOOKS), 5), 1.0)
    with pytest.raises(ValueError, match="encoder 'books': found vectors of length 5, expected 4"):
        FactorModel(roster(), vectors(N_USERS), vectors(N_MOVIES), encoders={"books": encoder})
    with pytest.raises(ValueError, match=r"regularization: found 0\.0"):
        Encoder(Index(BOOKS, "item"), vectors(len(BOOKS)), 0.0)
    with pytest.raises(ValueError, match=r"kappa: found -1\.0"):
        FactorModel(roster(), vectors(N_USERS), vectors(N_MOVIES), kappa=-1)
