"""How a person's own vector and mapped ones become one."""

import numpy as np
import pytest
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender import Encoder, FactorModel, Mix
from foretaste.solvers import als_rows
from recommender.toy_recommenders import SOURCE, TARGET, factor_model

LENGTH, OTHER = np.diff(TARGET.indptr), np.diff(SOURCE.indptr)
BOTH = {"books": SOURCE, "movies": TARGET}


def people(model: FactorModel, **mix):
    return Mix(**mix).people(model.encoders, "movies", BOTH)


def test_the_own_vector_counts_the_more_the_longer_the_own_history_is():
    model = factor_model()
    own, mapped = (model.encoders[name].encode(matrix) for name, matrix in (("movies", TARGET), ("books", SOURCE)))
    trust = np.where(OTHER > 0, LENGTH / (LENGTH + 3.0), 1.0)[:, None]
    expected = np.where((LENGTH + OTHER > 0)[:, None], trust * own + (1 - trust) * mapped, 0)
    np.testing.assert_allclose(people(model, kappa=3.0), expected, atol=1e-5)


def test_a_prior_is_the_mapped_vector_without_own_history_and_the_own_one_where_it_weighs_nothing():
    model = factor_model()
    found = people(model, prior_precision=4.0)
    newcomers = (LENGTH == 0) & (OTHER > 0)
    np.testing.assert_allclose(found[newcomers], model.encoders["books"].encode(SOURCE)[newcomers], atol=1e-6)
    weak = people(model, prior_precision=1e-9)
    own = als_rows(TARGET, model.item_factors, 1.0, alpha=2.0)
    np.testing.assert_allclose(weak[LENGTH > 0], own[LENGTH > 0], atol=1e-5)
    strong = people(model, prior_precision=1e9)
    with_source = (LENGTH > 0) & (OTHER > 0)
    np.testing.assert_allclose(strong[with_source], model.encoders["books"].encode(SOURCE)[with_source], atol=1e-3)
    assert not found[(LENGTH == 0) & (OTHER == 0)].any()


def test_people_are_held_the_more_firmly_to_the_mapped_vector_the_fewer_rows_they_have():
    model = factor_model()
    mapped = model.encoders["books"].encode(SOURCE)
    found = people(model, kappa=3.0, prior_precision=4.0)
    for rows in np.unique(LENGTH[(LENGTH > 0) & (OTHER > 0)]):
        who = (rows == LENGTH) & (OTHER > 0)
        firmness = 4.0 * (rows + 3.0) / rows
        prior = {"prior": mapped[who], "prior_precision": firmness}
        expected = als_rows(TARGET[who], model.item_factors, 1.0, alpha=2.0, **prior)
        np.testing.assert_allclose(found[who], expected, atol=1e-5)


def test_who_has_no_source_history_is_drawn_to_the_center():
    model, center = factor_model(), np.full(4, 2, np.float32)
    found = people(model, center=center, prior_precision=1e9)
    alone = (LENGTH > 0) & (OTHER == 0)
    np.testing.assert_allclose(found[alone], np.broadcast_to(center, found[alone].shape), atol=1e-3)


def test_sources_are_averaged_or_added_to_a_center():
    rng = np.random.default_rng(0)
    items = Index([f"i{n}" for n in range(6)], "item")
    one, other = (Encoder(items, rng.normal(size=(6, 3)).astype(np.float32), 1.0) for _ in range(2))
    histories = {name: sparse.csr_matrix(np.eye(6)[:2], dtype=np.float32) for name in ("one", "other")}
    histories["other"].data[1] = 0
    histories["other"].eliminate_zeros()  # the second person has but one source
    first, second = one.encode(histories["one"]), other.encode(histories["other"])
    encoders = {"one": one, "other": other}
    mean = Mix().people(encoders, "target", histories)
    np.testing.assert_allclose(mean, [(first[0] + second[0]) / 2, first[1]], rtol=1e-5)
    center = np.ones(3, np.float32)
    added = Mix(center=center).people(encoders, "target", histories)
    np.testing.assert_allclose(added, [first[0] + second[0] - 1, first[1]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ({"kappa": -1.0}, "kappa: found -1.0, expected a finite number of 0 or more"),
        ({"prior_precision": 0.0}, "prior_precision: found 0.0, expected a finite number above 0"),
    ],
)
def test_numbers_below_zero_are_refused(mix, words):
    with pytest.raises(ValueError, match=words):
        Mix(**mix)
