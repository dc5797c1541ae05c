"""Ratings that come with a question, and what each adds to a prediction."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from foretaste import DataError, Domain, FactorModel, Overlap, Transfer, load_bundle, save_bundle
from foretaste.evaluation import HeldOut, hold_out
from foretaste.experiment import NewcomersHoldout
from foretaste.testing import fit_once, rating_world
from foretaste_align import Ratings

SMALL = Ratings(factors=4, regularization=3.0, map_regularization=0.01)
NEWCOMERS = NewcomersHoldout(fraction=0.3)


def fitted(world: Transfer, strategy: Ratings = SMALL) -> FactorModel:
    found = fit_once(strategy, world)
    assert isinstance(found, FactorModel)
    return found


def newcomers_hidden() -> Transfer:
    return hold_out(rating_world(), NEWCOMERS, 0).train


def two_sources() -> Transfer:
    one, albums = rating_world(), Domain("albums", rating_world(seed=3).pair.source.interactions)
    return Transfer.of([one.pair.source, albums], one.target, Overlap("users"))


@pytest.fixture(scope="module")
def held() -> HeldOut:
    return hold_out(rating_world(), NEWCOMERS, 0)


@pytest.fixture(scope="module")
def model(held: HeldOut) -> FactorModel:
    return fitted(held.train)


def rated(domain: Domain, user: Any) -> dict[Any, float]:
    """Return what somebody rated: items to ratings."""
    rows = domain.interactions
    (row,) = rows.users.rows([user])
    if row < 0:
        return {}
    mine = rows.ratings[row]
    return dict(zip(rows.items.take(mine.indices.astype(np.int64)), mine.data.tolist(), strict=True))


def brought(world: Transfer, user: Any) -> dict[str, dict[Any, float]]:
    return {one.name: rated(one, user) for one in (*(pair.source for pair in world.pairs), world.target)}


@pytest.mark.parametrize("strategy", [SMALL, Ratings(factors=0), Ratings(factors=2, user_damping=0.7)])
@pytest.mark.parametrize("make", [newcomers_hidden, two_sources])
def test_who_brings_a_known_persons_ratings_is_given_the_vector_that_the_model_holds(
    strategy: Ratings, make: Callable[[], Transfer]
) -> None:
    world = make()
    found = fitted(world, strategy)
    every = found.histories()
    vectors = found.mix.people(found.encoders, world.target.name, every)
    np.testing.assert_allclose(vectors, found.user_factors, atol=2e-5)
    people, items = found.roster.users.ids.to_list(), found.roster.items.ids.to_list()
    for user in people[::17]:
        own = found.predict_for(brought(world, user), items)
        np.testing.assert_allclose(own, found.predict([user] * len(items), items), atol=2e-5)


def test_ratings_of_the_source_alone_place_somebody_as_a_newcomer(model: FactorModel, held: HeldOut) -> None:
    (user, *_) = held.train.target.interactions.users.take(held.people)
    source = held.train.pair.source
    known, folded = model.recommend([user], 5)[0], model.recommend_for({source.name: rated(source, user)}, 5)
    assert (known.path, folded.path) == ("newcomer", "folded-in")
    assert folded.items == known.items


def test_generous_ratings_elsewhere_are_expected_here_too(model: FactorModel, held: HeldOut) -> None:
    source, target = held.train.pair.source, held.train.target
    some, items = source.interactions.items.ids[:8].to_list(), target.interactions.items.ids.to_list()
    mean, generous, stern = (
        model.predict_for(h, items).mean() for h in ({}, *({source.name: dict.fromkeys(some, r)} for r in (5, 1)))
    )
    assert generous > mean + 0.3
    assert stern < mean - 0.3


def test_own_ratings_here_count_beside_those_elsewhere(model: FactorModel, held: HeldOut) -> None:
    source, target = held.train.pair.source, held.train.target
    there, here = (dict.fromkeys(one.interactions.items.ids[:8].to_list(), 5) for one in (source, target))
    items = target.interactions.items.ids.to_list()
    one, both = (
        model.predict_for(h, items).mean()
        for h in ({source.name: there}, {source.name: there, target.name: dict.fromkeys(here, 1)})
    )
    assert both < one


def test_what_somebody_had_without_ratings_is_an_error(model: FactorModel, held: HeldOut) -> None:
    source = held.train.pair.source
    with pytest.raises(DataError, match=f"history of '{source.name}': found ids alone, expected ratings with them"):
        model.recommend_for({source.name: source.interactions.items.ids[:2].to_list()})


def test_a_newcomer_is_told_which_source_items_speak_for_an_item(model: FactorModel, held: HeldOut) -> None:
    (user, *_) = held.train.target.interactions.users.take(held.people)
    source = held.train.pair.source
    (item,) = model.recommend([user], 1)[0].items
    found = model.explain(user, item, 100)
    assert {reason.item for reason in found.reasons if reason.domain == source.name} == set(rated(source, user))
    assert {reason.domain for reason in found.reasons} == {source.name, None}
    scale = model.roster.rating_scale
    assert scale is not None
    assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
    predicted = float(model.predict([user], [item])[0])
    assert np.clip(scale.mean + found.score, scale.lowest, scale.highest) == pytest.approx(predicted, abs=1e-4)


def test_a_better_rating_adds_its_share_again(model: FactorModel, held: HeldOut) -> None:
    """A prediction is linear in each rating: the share is the slope times what the rating is above expectation."""
    world = held.train
    user = next(u for u in world.target.interactions.users.ids if all(brought(world, u).values()))
    scale, item = (
        model.roster.rating_scale,
        next(i for i in world.target.interactions.items.ids if i not in brought(world, user)[world.target.name]),
    )
    assert scale is not None
    history = brought(world, user)
    shares = {(r.domain, r.item): r.share for r in model.explain(user, item, 100).reasons}

    def score(changed: dict[str, dict[Any, float]]) -> float:
        found = model.recommend_for(changed, len(model.roster.items))
        return found.scores[found.items.index(item)]

    for domain, ratings in history.items():
        one = next(iter(ratings))
        encoder = model.encoders[domain]
        assert encoder.expected is not None
        above = ratings[one] - float(encoder.expected[encoder.items.rows([one])[0]])
        moved = score(history | {domain: ratings | {one: ratings[one] + 1}})
        assert moved - score(history) == pytest.approx(shares[domain, one] / above, abs=1e-4)


def test_who_has_two_accounts_in_the_source_is_explained_without_naming_their_items() -> None:
    world = rating_world()
    people = world.pair.source.interactions.users.ids.to_list()
    links = {"from_id": [*people, people[1]], "to_id": [*people, people[0]]}
    linked = Transfer.of(world.pair.source, world.target, Overlap(user_links=pl.DataFrame(links)))
    model = fitted(linked)
    item = model.roster.items.ids[0]
    for user, named in ((people[0], False), (people[1], True)):
        found = model.explain(user, item, 100)
        assert (world.pair.source.name in {reason.domain for reason in found.reasons}) is named
        assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
        assert found.score == pytest.approx(float(model.score([user], [item])[0]), abs=1e-4)


def test_a_linked_account_without_ratings_is_no_second_account() -> None:
    world = rating_world()
    people = world.pair.source.interactions.users.ids.to_list()
    links = {"from_id": [*people, "silent"], "to_id": [*people, people[0]]}
    linked = Transfer.of(world.pair.source, world.target, Overlap(user_links=pl.DataFrame(links)))
    model = fitted(linked)
    source = world.pair.source
    found = model.explain(people[0], model.roster.items.ids[0], 100)
    assert {reason.item for reason in found.reasons if reason.domain == source.name} == set(rated(source, people[0]))


def test_a_bundle_answers_them_without_any_plugin(model: FactorModel, held: HeldOut, tmp_path: Path) -> None:
    save_bundle(model, tmp_path, strategy="align/ratings", params={})
    source, item = held.train.pair.source, model.roster.items.ids[0]
    history = {source.name: dict.fromkeys(source.interactions.items.ids[:3].to_list(), 5.0)}
    code = f"""
import sys
from pathlib import Path
from foretaste.bundle import load_bundle
model = load_bundle(Path({str(tmp_path)!r}))
print(model.predict_for({history!r}, [{item!r}])[0].item())
heavy = [name for name in sys.modules if name.startswith(("foretaste_", "implicit", "sklearn", "torch", "numba"))]
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(float(model.predict_for(history, [item])[0]))
    user = model.roster.users.ids[0]
    assert load_bundle(tmp_path).explain(user, item) == model.explain(user, item)
