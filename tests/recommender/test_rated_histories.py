"""Somebody who is not in the model brings ratings; what a rating adds is explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foretaste.bundle import load_bundle, read_manifest, save_bundle
from foretaste.errors import DataError, UnknownIdError
from foretaste.recommender import FactorModel, HistoryModel
from recommender.toy_recommenders import (
    BOOKS,
    MOVIES,
    RATED_SOURCE,
    RATED_TARGET,
    USERS,
    WEIGHTS,
    every_recommender,
    factor_model,
    items_of,
    rating_model,
)

MODEL = rating_model()


def ratings_of(row: int) -> dict[str, Any]:
    sides = {"books": (RATED_SOURCE, BOOKS), "movies": (RATED_TARGET, MOVIES)}
    return {n: (items_of(m, row, ids), m[row].data) for n, (m, ids) in sides.items() if m[row].nnz}


def scores(model: FactorModel, history: dict[str, Any]) -> Any:
    """Return the scores of all movies, those that the history names as well."""
    return model._folded_in(history)[1][0]


# Folding in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [0, 7, 39, 45])
def test_somebody_who_brings_a_known_persons_ratings_gets_the_same_list(row):
    known, folded = MODEL.recommend([USERS[row]], 6)[0], MODEL.recommend_for(ratings_of(row), 6)
    assert (folded.items, folded.path) == (known.items, "folded-in")
    np.testing.assert_allclose(folded.scores, known.scores, rtol=1e-4, atol=1e-5)


def test_ids_without_ratings_are_an_error_that_asks_for_them():
    for history in ({"books": ["b1", "b2"]}, {"movies": [101]}, {"books": ("b1", "b2")}):
        with pytest.raises(
            DataError, match=r"found ids alone, expected ratings with them: \(ids, ratings\), or a mapping"
        ):
            MODEL.recommend_for(history)


def test_it_says_of_which_domains_it_wants_ratings():
    assert MODEL.rated_domains == {"books", "movies"}
    assert not any(model.rated_domains for model in every_recommender().values())


def test_nothing_rated_is_a_stranger():
    for history in ({}, {"books": []}, {"books": {}}, {"books": {"no such book": 4}}):
        assert MODEL.recommend_for(history, 5) == MODEL.recommend_for({}, 5)
        assert MODEL.recommend_for(history, 5).path == "popular"


def test_a_rating_of_zero_is_a_rating_and_so_is_one_below():
    none, zero, below = (scores(MODEL, {"books": {"b1": 5} | more}) for more in ({}, {"b2": 0}, {"b2": -1}))
    assert not np.allclose(none, zero)
    assert not np.allclose(zero, below)
    assert MODEL.recommend_for({"books": {"b2": 0}}).path == "folded-in"


def test_a_rating_as_it_was_expected_still_says_that_the_person_is_near_the_average():
    expected = float(MODEL.encoders["movies"].expected[3])
    high = {"movies": {104: 5}}
    both = {"movies": {104: 5, 103: expected}}
    assert abs(scores(MODEL, both)[3] - MODEL.item_bias[3]) < abs(scores(MODEL, high)[3] - MODEL.item_bias[3])


def test_the_last_rating_of_an_item_counts():
    assert MODEL.recommend_for({"books": (["b1", "b2", "b1"], [1, 3, 5])}) == MODEL.recommend_for(
        {"books": {"b1": 5, "b2": 3}}
    )


def test_what_was_rated_is_not_recommended_however_it_was_rated():
    assert not {101, 102} & set(MODEL.recommend_for({"movies": {101: 5, 102: 0}}, len(MOVIES)).items)


@pytest.mark.parametrize("ratings", [[1], [1, float("nan")], [1, -1e38], ["a", "b"], [[1], [2]]])
def test_ratings_must_be_one_finite_number_per_item(ratings):
    with pytest.raises(DataError, match="history of 'books'"):
        MODEL.recommend_for({"books": (["b1", "b2"], ratings)})


def test_a_prior_with_any_weight_is_met_exactly():
    rng = np.random.default_rng(0)
    encoder = replace(MODEL.encoders["movies"], regularization=0.7)
    prior = rng.normal(size=(len(USERS), 4)).astype(np.float32)
    firm = rng.uniform(0.5, 5, len(USERS))
    found = encoder.solved(RATED_TARGET, prior, firm)
    Q = encoder.item_factors.astype(float)
    for row in (0, 20, 39):
        items = RATED_TARGET[row].indices
        lhs = Q[items].T @ Q[items] + (0.7 + firm[row]) * np.eye(4)
        rhs = Q[items].T @ (RATED_TARGET[row].data - encoder.expected[items]) + firm[row] * prior[row]
        np.testing.assert_allclose(found[row], np.linalg.solve(lhs, rhs), atol=1e-5)
    np.testing.assert_allclose(found[45], prior[45], rtol=1e-6)


# Predicting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [0, 7, 39, 45])
def test_a_known_persons_ratings_brought_are_predicted_alike(row):
    found = MODEL.predict_for(ratings_of(row), MOVIES)
    np.testing.assert_allclose(found, MODEL.predict([USERS[row]] * len(MOVIES), MOVIES), atol=1e-4)


def test_who_rated_nothing_known_is_predicted_the_items_averages():
    expected = MODEL.predict(["nobody"] * len(MOVIES), MOVIES)
    assert MODEL.predict_for({}, MOVIES).tolist() == expected.tolist()
    assert MODEL.predict_for({"books": {"no such book": 4}}, MOVIES).tolist() == expected.tolist()


def test_a_rating_of_an_unknown_item_cannot_be_predicted():
    with pytest.raises(UnknownIdError, match="movies has no item 7"):
        MODEL.predict_for({"books": {"b1": 5}}, [7])
    with pytest.raises(DataError, match="found ids alone"):
        MODEL.predict_for({"books": ["b1"]}, [100])


def test_ratings_are_predicted_for_a_history_only_where_they_are_for_people():
    model = factor_model()
    assert not hasattr(model, "predict_for")
    with pytest.raises(AttributeError, match="predicts no ratings"):
        model.predict_for({}, [100])


def test_a_model_of_ratings_that_reads_no_history_predicts_the_items_averages():
    averages = HistoryModel(MODEL.roster, MODEL.item_bias)
    assert averages.predict_for({"books": ["b1"]}, [100]).tolist() == averages.predict(["nobody"], [100]).tolist()


# Explaining --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["u0", "u20", "u45"])
def test_every_rated_item_is_a_reason_and_all_of_them_add_up_to_the_score(user):
    found = MODEL.explain(user, 111, 100)
    row = USERS.index(user)
    of = {d: {r.item for r in found.reasons if r.domain == d} for d in ("books", "movies")}
    assert of == {"books": set(items_of(RATED_SOURCE, row, BOOKS)), "movies": set(items_of(RATED_TARGET, row, MOVIES))}
    assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
    assert found.score == pytest.approx(float(MODEL.score([user], [111])[0]), abs=1e-4)


@pytest.mark.parametrize("user", ["u3", "u45"])
def test_a_share_is_what_the_prediction_would_lack_had_the_rating_been_as_expected(user):
    row = USERS.index(user)
    shares = {(r.domain, r.item): r.share for r in MODEL.explain(user, 111, 100).reasons}
    history = {name: dict(zip(*one, strict=True)) for name, one in ratings_of(row).items()}
    whole = scores(MODEL, history)[MOVIES.index(111)]
    for domain, ratings in history.items():
        encoder = MODEL.encoders[domain]
        for item in ratings:
            usual = float(encoder.expected[encoder.items.rows([item])[0]])
            without = scores(MODEL, history | {domain: ratings | {item: usual}})[MOVIES.index(111)]
            assert shares[domain, item] == pytest.approx(float(whole - without), abs=1e-4)


def test_what_no_rating_accounts_for_is_the_item_and_the_maps_constant():
    found = MODEL.explain("u45", 111).reasons[-1]
    item = MOVIES.index(111)
    constant = MODEL.item_bias[item] + MODEL.encoders["books"].offset @ MODEL.item_factors[item]
    assert found.share == pytest.approx(float(constant), abs=1e-4)


def test_what_all_items_have_alike_makes_none_similar():
    near = {one.items[0]: one.scores[0] for one in MODEL.similar_items([100, 101], 1)}
    rest = MODEL.item_factors[:, 1:]
    cosine = rest @ rest.T / np.outer(*[np.linalg.norm(rest, axis=1)] * 2)
    np.fill_diagonal(cosine, -1)
    assert near == {MOVIES[int(cosine[row].argmax())]: pytest.approx(cosine[row].max(), abs=1e-5) for row in (0, 1)}
    turned = (MODEL.encoders["books"].item_factors[4, 1:] @ MODEL.encoders["books"].matrix[1:])[1:]
    (found,) = MODEL.similar_items(["b4"], 1, of="books")
    assert found.items == [MOVIES[int((rest @ turned / np.linalg.norm(rest, axis=1)).argmax())]]


# Bundles and shapes ------------------------------------------------------------------------------------------------


def test_a_bundle_folds_in_explains_and_predicts_alike(tmp_path):
    save_bundle(MODEL, tmp_path, strategy="toy/ratings", params={})
    loaded = load_bundle(tmp_path)
    assert loaded.rated_domains == MODEL.rated_domains
    for row in (0, 45):
        assert loaded.recommend_for(ratings_of(row), 7) == MODEL.recommend_for(ratings_of(row), 7)
        assert loaded.explain(USERS[row], 111) == MODEL.explain(USERS[row], 111)
        found = loaded.predict_for(ratings_of(row), MOVIES)
        assert found.tolist() == MODEL.predict_for(ratings_of(row), MOVIES).tolist()


def test_without_histories_ratings_can_still_be_brought(tmp_path):
    lean = load_bundle(save_bundle(MODEL, tmp_path, strategy="toy/ratings", params={}, histories=False))
    assert lean.recommend_for(ratings_of(45), 7) == MODEL.recommend_for(ratings_of(45), 7)
    with pytest.raises(DataError, match="saved without the histories that an explanation needs"):
        lean.explain("u0", 111)


def test_a_bundle_of_a_model_without_ratings_holds_what_it_did_before(tmp_path):
    model = factor_model()
    save_bundle(model, tmp_path, strategy="toy/strategy", params={})
    assert not any("expected" in name for name in model.arrays()[0])
    assert set(read_manifest(tmp_path).facts["encoders"]["books"]) == {"regularization", "alpha", "unit_length"}


def test_what_is_expected_must_fit_the_items_and_ratings_have_no_weights():
    encoder = MODEL.encoders["books"]
    with pytest.raises(ValueError, match=r"expected: found shape \(3,\), expected \(20,\)"):
        replace(encoder, expected=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="item_weights and expected: found both, but ratings have no weights"):
        replace(encoder, item_weights=WEIGHTS)
