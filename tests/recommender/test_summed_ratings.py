"""Vectors that are sums of what ratings deviate: the same for whoever brings them, linear, exact when explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from foretaste.bundle import load_bundle, save_bundle
from foretaste.data import Index
from foretaste.recommender import Encoder
from recommender.toy_recommenders import BOOKS, MOVIES, RATED_SOURCE, RATED_TARGET, USERS, items_of, summed_rating_model

MODEL = summed_rating_model()
RATINGS = st.dictionaries(st.sampled_from(BOOKS), st.integers(-2, 5).map(float), min_size=1)
OWN = st.dictionaries(st.sampled_from(MOVIES), st.integers(0, 5).map(float), max_size=8)


def ratings_of(row: int) -> dict[str, Any]:
    sides = {"books": (RATED_SOURCE, BOOKS), "movies": (RATED_TARGET, MOVIES)}
    return {n: (items_of(m, row, ids), m[row].data) for n, (m, ids) in sides.items() if m[row].nnz}


def scores(history: dict[str, Any]) -> Any:
    return MODEL._folded_in(history)[1][0]


@given(RATINGS)
def test_a_vector_is_the_damped_sum_of_what_ratings_deviate(history):
    encoder = MODEL.encoders["books"]
    rows = encoder.items.rows(list(history))
    above = np.array(list(history.values())) - encoder.expected[rows]
    summed = (above[:, None] * encoder.item_factors[rows]).sum(axis=0) / (len(rows) + encoder.regularization)
    at = (np.zeros(len(rows), int), rows)
    brought = sparse.csr_matrix((list(history.values()), at), shape=(1, len(BOOKS)))
    np.testing.assert_allclose(encoder.fold_in(brought)[0], summed, atol=1e-5)


def test_a_factor_that_all_items_have_as_one_is_the_bias_of_people():
    ratings = sparse.csr_matrix(np.array([[5.0, 0.0, 4.0], [0.0, 3.0, 0.0]]))
    how = {"regularization": 2.0, "expected": np.full(3, 3.0, np.float32), "linear": True}
    encoder = Encoder(Index(["a", "b", "c"], "item"), np.ones((3, 1), np.float32), **how)
    np.testing.assert_allclose(encoder.fold_in(ratings)[:, 0], [3 / 4, 0], atol=1e-6)


@given(RATINGS, OWN, st.sampled_from(BOOKS), st.integers(-2, 5).map(float))
def test_scores_are_linear_in_each_rating(history, own, book, rating):
    both = {"books": history | {book: rating}, "movies": own}
    expected = float(MODEL.encoders["books"].expected[BOOKS.index(book)])
    usual, more, twice = (
        scores(both | {"books": history | {book: expected + step}}) for step in (0.0, rating, 2 * rating)
    )
    np.testing.assert_allclose(twice - usual, 2 * (more - usual), atol=1e-3)


@pytest.mark.parametrize("row", [0, 7, 39, 45])
def test_who_brings_a_known_persons_ratings_is_answered_alike(row):
    known, folded = MODEL.recommend([USERS[row]], 6)[0], MODEL.recommend_for(ratings_of(row), 6)
    assert (folded.items, folded.path) == (known.items, "folded-in")
    found = MODEL.predict_for(ratings_of(row), MOVIES)
    np.testing.assert_allclose(found, MODEL.predict([USERS[row]] * len(MOVIES), MOVIES), atol=1e-4)


@pytest.mark.parametrize("row", range(0, 50, 3))
def test_every_rating_is_a_reason_and_all_of_them_add_up_to_the_score(row):
    found = MODEL.explain(USERS[row], 111, 100)
    of = {d: {r.item for r in found.reasons if r.domain == d} for d in ("books", "movies")}
    assert of == {"books": set(items_of(RATED_SOURCE, row, BOOKS)), "movies": set(items_of(RATED_TARGET, row, MOVIES))}
    assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
    assert found.score == pytest.approx(float(MODEL.score([USERS[row]], [111])[0]), abs=1e-4)


@pytest.mark.parametrize("row", [3, 45])
def test_a_share_is_what_the_prediction_would_lack_had_the_rating_been_as_expected(row):
    shares = {(r.domain, r.item): r.share for r in MODEL.explain(USERS[row], 111, 100).reasons}
    history = {name: dict(zip(*one, strict=True)) for name, one in ratings_of(row).items()}
    whole = scores(history)[MOVIES.index(111)]
    for domain, ratings in history.items():
        encoder = MODEL.encoders[domain]
        for item in ratings:
            usual = float(encoder.expected[encoder.items.rows([item])[0]])
            without = scores(history | {domain: ratings | {item: usual}})[MOVIES.index(111)]
            assert shares[domain, item] == pytest.approx(float(whole - without), abs=1e-4)


def test_a_bundle_folds_in_explains_and_predicts_alike(tmp_path):
    save_bundle(MODEL, tmp_path, strategy="toy/ratings", params={})
    loaded = load_bundle(tmp_path)
    assert loaded.rated_domains == {"books", "movies"}
    for row in (0, 45):
        assert loaded.recommend_for(ratings_of(row), 7) == MODEL.recommend_for(ratings_of(row), 7)
        assert loaded.explain(USERS[row], 111) == MODEL.explain(USERS[row], 111)
        found = loaded.predict_for(ratings_of(row), MOVIES)
        assert found.tolist() == MODEL.predict_for(ratings_of(row), MOVIES).tolist()
