"""What a layer over person and item adds to scores."""

import numpy as np
import pytest

from foretaste import FactorModel, PairLayer
from recommender.toy_recommenders import MOVIES, N_MOVIES, USERS, factor_model, pair_layer, roster


def test_scores_are_the_product_of_the_vectors_and_what_the_layer_adds():
    layer = pair_layer()
    plain, bent = factor_model(), factor_model(pair_layer=layer)
    user, item = USERS[3], MOVIES[7]
    p, q = bent.user_factors[3], bent.item_factors[7]
    added = np.maximum(p @ layer.person + q @ layer.item + layer.offset, 0) @ layer.out
    (before,), (after,) = (one.score([user], [item]) for one in (plain, bent))
    assert after == pytest.approx(before + added, rel=1e-4)


def test_lists_are_ranked_by_it():
    bent = factor_model(pair_layer=pair_layer())
    (answer,) = bent.recommend([USERS[3]], k=N_MOVIES, exclude_seen=False)
    assert answer.scores == sorted(answer.scores, reverse=True)
    np.testing.assert_allclose(answer.scores, bent.score([USERS[3]] * N_MOVIES, answer.items), rtol=1e-4, atol=1e-5)
    assert answer.items != factor_model().recommend([USERS[3]], k=N_MOVIES, exclude_seen=False)[0].items


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item": np.zeros((4, 5))}, r"item: found shape \(4, 5\), expected \(4, 6\)"),
        ({"offset": np.zeros(4)}, r"offset: found shape \(4,\), expected \(6,\)"),
        ({"out": np.zeros(4)}, r"out: found shape \(4,\), expected \(6,\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, words):
    made = pair_layer()
    parts = {name: getattr(made, name) for name in ("person", "item", "offset", "out")}
    with pytest.raises(ValueError, match=words):
        PairLayer(**{**parts, **change})


def test_a_layer_for_vectors_of_another_length_is_refused():
    plain = factor_model()
    narrow = PairLayer(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="pair_layer: found vectors of length 3, expected 4"):
        FactorModel(roster(), plain.user_factors, plain.item_factors, pair_layer=narrow)
