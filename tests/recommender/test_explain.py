from __future__ import annotations

import numpy as np
import pytest

from foretaste.errors import DataError, UnknownIdError
from foretaste.recommender import FactorModel
from recommender.toy_recommenders import (
    BOOKS,
    MAPS,
    MOVIES,
    SOURCE,
    TARGET,
    USERS,
    every_recommender,
    factor_model,
    history_model,
    items_of,
    roster,
)

MODELS = every_recommender()


@pytest.mark.parametrize("n", [1, 5, 100])
@pytest.mark.parametrize("name", MODELS)
def test_the_shares_of_all_reasons_add_up_to_the_score(name, n):
    model = MODELS[name]
    for user in ("u0", "u20", "u45", "u51"):
        for item in (100, 117):
            found = model.explain(user, item, n)
            assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
            assert found.score == pytest.approx(float(model.score([user], [item])[0]), abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_every_history_item_is_a_reason_where_there_is_room(name):
    found = MODELS[name].explain("u3", 111, 100)
    of = {d: {r.item for r in found.reasons if r.domain == d} for d in ("books", "movies")}
    assert of == {"books": set(items_of(SOURCE, 3, BOOKS)), "movies": set(items_of(TARGET, 3, MOVIES))}


@pytest.mark.parametrize("name", MODELS)
def test_the_strongest_reasons_come_first_and_the_rest_is_summed_by_domain_and_member(name):
    every = [r for r in MODELS[name].explain("u3", 111, 100).reasons if r.domain]
    found = MODELS[name].explain("u3", 111, 2).reasons
    assert list(found[:2]) == every[:2]
    rests = [r for r in found[2:] if r.domain]
    assert {(r.domain, r.member) for r in rests} == {(r.domain, r.member) for r in every[2:]}
    for rest in rests:
        assert rest.item is None
        others = [r.share for r in every[2:] if (r.domain, r.member) == (rest.domain, rest.member)]
        assert rest.share == pytest.approx(sum(others))
    assert found[-1].domain is None


def test_what_no_history_accounts_for_is_bias_and_the_maps_constant():
    model = factor_model()
    found = model.explain("u45", 111).reasons[-1]
    row = MOVIES.index(111)
    offset = model.encoders["books"].offset
    assert found.share == pytest.approx(float(model.item_bias[row] + offset @ model.item_factors[row]), abs=1e-4)


@pytest.mark.parametrize("form", MAPS)
def test_a_history_share_is_what_the_item_alone_adds_but_for_the_length(form):
    model = history_model(form, power=0.5)
    book = items_of(SOURCE, 45, BOOKS)[0]
    shares = {r.item: r.share for r in model.explain("u45", 111, 100).reasons}
    column = model.sides["books"].column(MOVIES.index(111))
    expected = column[BOOKS.index(book)] / SOURCE[45].nnz ** 0.5
    assert shares[book] == pytest.approx(float(expected), abs=1e-5)


def test_a_negative_weight_pulls_towards_zero_in_an_explanation_as_it_does_in_the_vector():
    model, disliked = factor_model(), SOURCE.copy()
    disliked.data[::3] = -1
    encoder = model.encoders["books"]
    changed = type(encoder)(encoder.items, encoder.item_factors, 2.0, 3.0, encoder.matrix, encoder.offset, disliked)
    people = changed.encode(disliked)
    people[50:] = 0
    again = FactorModel(roster(), people, model.item_factors, encoders={"books": changed})
    for item in (100, 104):
        constant = float(changed.offset @ model.item_factors[MOVIES.index(item)])
        assert again.explain("u45", item).reasons[-1].share == pytest.approx(constant, abs=1e-4)


def test_somebody_answered_by_popularity_has_one_reason():
    (only,) = MODELS["factor model"].explain("u51", 100).reasons
    assert (only.domain, only.item) == (None, None)
    assert only.share == pytest.approx(float(np.log1p(TARGET[:, 0].sum())), abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_an_unknown_person_or_item_cannot_be_explained(name):
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        MODELS[name].explain("nobody", 100)
    with pytest.raises(UnknownIdError, match="movies has no item 7"):
        MODELS[name].explain(USERS[0], 7)
    with pytest.raises(DataError, match="n: found 0"):
        MODELS[name].explain(USERS[0], 100, 0)
