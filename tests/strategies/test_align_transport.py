from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste import Context, Domain, Features, Overlap, PairFacts, StrategyError, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, item_world, taste_of, taste_world
from foretaste_align import Transport

SMALL: dict[str, Any] = {"factors": 8, "regularization": 1.0, "source_regularization": 1.0, "kappa": 0.0}


def described(domain: Domain, column: str = "kind") -> Domain:
    """Return the domain with the taste of each item, and a letter of noise."""
    items = domain.interactions.items
    noise = [str(n % 5) for n in range(len(items))]
    table = pl.DataFrame({"item_id": items.ids, column: [taste_of(item) for item in items.ids], f"{column}-2": noise})
    return replace(domain, item_features=Features.from_frame(table, items, "item_id", {}, "features"))


def described_world(here: str = "kind", there: str = "kind") -> Transfer:
    """Books and films without a person or an item in common, described alike."""
    world = taste_world()
    rows = world.target.interactions
    films = Domain.from_frame(
        pl.DataFrame(
            {
                "user_id": [f"f-{user}" for user in rows.users.ids.gather(rows.user_rows)],
                "item_id": rows.items.ids.gather(rows.item_rows),
            }
        ),
        "films",
    )
    return Transfer.of(described(world.pair.source, here), described(films, there), Overlap("none"))


class TestTransport(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Transport
    params: ClassVar[dict[str, Any]] = SMALL

    def world(self) -> Transfer:
        return described_world()


def test_the_plan_has_the_sums_that_were_asked_for_and_the_form_of_its_entropy() -> None:
    """T = diag(u) exp(-c / epsilon) diag(v), whose rows and columns sum to the masses: by plain scaling."""
    pytest.importorskip("ot")
    rng = np.random.default_rng(0)
    cost, there, here = rng.random((6, 8)), np.full(6, 1 / 6), np.full(8, 1 / 8)
    found = Transport(epsilon=0.3, iterations=2000).plan(cost, there, here)
    kernel = np.exp(-cost / (0.3 * np.median(cost)))
    v = np.ones(8)
    for _ in range(2000):
        u = there / (kernel @ v)
        v = here / (kernel.T @ u)
    np.testing.assert_allclose(found, u[:, None] * kernel * v, atol=1e-6)


def test_items_go_to_items_of_their_kind() -> None:
    pytest.importorskip("ot")
    pair = described_world().pair
    shares = Transport().shares(pair, Context()).toarray()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    here, there = ([taste_of(item) for item in d.interactions.items.ids] for d in (pair.source, pair.target))
    same = np.array(there)[:, None] == np.array(here)
    assert (shares * same).sum(axis=1).min() > 0.9


def test_somebody_who_brings_books_is_given_films_of_the_same_kind() -> None:
    pytest.importorskip("ot")
    model = fit_once(Transport(**SMALL, gamma=1e4), described_world())
    answer = model.recommend_for({"books": ["book-a1", "book-a2"]}, 5)
    assert np.mean([taste_of(item) == "a" for item in answer.items]) >= 0.8


def test_it_says_what_it_cannot_serve() -> None:
    bare = replace(PairFacts.of(described_world().pair), item_features=False)
    assert Transport().objection([bare]) == "needs item features in both domains"
    assert Transport().objection([PairFacts.of(item_world().pair)]) == (
        "is for pairs that share neither users nor items, 0 users and 24 items are linked;"
        " align/similarity goes by them"
    )
    large = replace(bare, item_features=True, source_items=100_000, target_items=100_000)
    assert Transport().refusal([large]) == ("needs 372.5 GiB for a plan of 100000 x 100000 items, the limit is 2 GiB")


def test_features_without_a_column_in_common_are_an_error() -> None:
    pytest.importorskip("ot")
    with pytest.raises(StrategyError) as caught:
        fit_once(Transport(**SMALL), described_world("genre", "tags"))
    assert str(caught.value) == (
        "align/transport: books -> films: no item features to compare, expected columns of the same name on both sides"
        " (books has genre, genre-2; films has tags, tags-2)"
    )
