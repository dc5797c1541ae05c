"""deep/ratings: whom it predicts, what fine-tuning moves, and that what is served is what was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import (
    Budget,
    Checkpoint,
    Context,
    Domain,
    FactorModel,
    Overlap,
    PairFacts,
    StrategyError,
    Transfer,
    load_bundle,
    save_bundle,
)
from foretaste.evaluation import hold_out
from foretaste.experiment import NewcomersHoldout, RandomHoldout
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, item_world, rating_world, taste_world
from foretaste_baseline import RatingItemUser
from foretaste_deep import Ratings
from foretaste_deep._rated import Rated, ratings_brought
from strategies.test_align_ratings import rmse, tastes

torch = pytest.importorskip("torch")

from foretaste_deep import _resume  # noqa: E402 - torch may be missing
from foretaste_deep._rating_task import RatingTask  # noqa: E402 - torch may be missing
from foretaste_deep._rating_tower import RatingTower, predicted, squared_error  # noqa: E402

FAST: dict[str, Any] = {"factors": 4, "regularization": 1.0, "damping": 4.0, "source_epochs": 3, "epochs": 4}
TAUGHT: dict[str, Any] = {
    **FAST, "source_epochs": 20, "epochs": 30, "learning_rate": 3e-2, "source_learning_rate": 3e-2, "batch": 32,
    "patience": 5,
}  # fmt: skip
NEWCOMERS = NewcomersHoldout(fraction=0.3)


class TestRatings(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ratings
    params: ClassVar[dict[str, Any]] = FAST

    def world(self) -> Transfer:
        return rating_world()


class TestRatingsOfBiasesAlone(TestRatings):
    params: ClassVar[dict[str, Any]] = {**FAST, "factors": 0}


def two_sources() -> Transfer:
    one, other = rating_world(), rating_world(seed=3).pair.source
    return Transfer.of([one.pair.source, Domain("albums", other.interactions)], one.target, Overlap("users"))


class TestRatingsFromTwoSources(TestRatings):
    def world(self) -> Transfer:
        return two_sources()


def fitted(world: Transfer, **params: Any) -> FactorModel:
    found = fit_once(Ratings(**{**FAST, **params}), world)
    assert isinstance(found, FactorModel)
    return found


def task(world: Transfer, **params: Any) -> RatingTask:
    how = Ratings(**{**FAST, **params})
    carried = {pair.source.name: how.pretrain(pair.source, Context()) for pair in world.pairs}
    return RatingTask.of(how, carried, world, Context())


# Whom it helps -----------------------------------------------------------------------------------------------------


def test_newcomers_are_predicted_better_where_taste_carries_over() -> None:
    assert rmse(Ratings(**TAUGHT), tastes()) < 0.8 * rmse(RatingItemUser(user_damping=2), tastes())


def test_newcomers_lose_nothing_where_only_generosity_carries_over() -> None:
    world = tastes(carried=False)
    assert rmse(Ratings(**TAUGHT), world) < 1.01 * rmse(RatingItemUser(user_damping=5, item_damping=2), world)


def test_pretraining_pays_where_the_source_has_many_people_and_few_are_shared() -> None:
    world = tastes(400)
    rows = world.target.interactions
    names = rows.users.ids.gather(rows.user_rows)
    table = pl.DataFrame({"user_id": names, "item_id": rows.items.ids.gather(rows.item_rows), "rating": rows.values})
    some = table.filter(pl.col("user_id").is_in([f"u{one}" for one in range(100)]))
    target = Domain.from_frame(some, "books", feedback="explicit")
    young = Transfer.of(world.pair.source, target, Overlap("users"))
    with_it, without = (rmse(Ratings(**{**TAUGHT, "source_epochs": n}), young) for n in (20, 0))
    assert with_it < 0.95 * without


def test_newcomers_keep_working_where_the_source_tower_stands_still() -> None:
    assert rmse(Ratings(**TAUGHT, encoder_rate=0), tastes()) < 0.85 * rmse(RatingItemUser(user_damping=2), tastes())


def test_own_ratings_add_to_what_the_source_says() -> None:
    none, few, more = (
        rmse(Ratings(**TAUGHT), tastes(), NewcomersHoldout(fraction=0.3, visible=visible, levels=[0, 1, 4]))
        for visible in (0, 1, 4)
    )
    assert few < 1.01 * none
    assert more < none


def test_warm_people_are_predicted_no_worse_than_by_means() -> None:
    world, holdout = rating_world(), RandomHoldout(kind="random", fraction=0.2)
    assert rmse(Ratings(**TAUGHT), world, holdout) < rmse(RatingItemUser(user_damping=2), world, holdout)


def test_without_taste_and_training_a_newcomer_is_as_generous_as_in_the_source() -> None:
    world = hold_out(tastes(80), NEWCOMERS, 0)
    found = fitted(world.train, factors=0, source_epochs=0, learning_rate=1e-9, damping=8.0)
    source, target = (one.interactions for one in (world.train.pair.source, world.train.target))
    rated = Rated.of(source.ratings, 2.0)
    summed = np.asarray(rated.deviations.sum(axis=1)).ravel() / (rated.length + 8.0)
    stretch = float(target.values.std())
    there = (world.train.pair.user_links.T @ summed)[world.people]
    np.testing.assert_allclose(found.user_factors[world.people, 0], stretch * there, atol=1e-4)


# What is trained, and what is served -------------------------------------------------------------------------------


def test_own_ratings_move_a_person_from_where_the_source_says_by_ridge_regression() -> None:
    one = task(rating_world(), kappa=3.0)
    model = one.start()
    with torch.no_grad():
        model.items += torch.randn(model.items.shape, generator=torch.Generator().manual_seed(1))
    people = np.flatnonzero((one.people.target.length > 2) & (one.people.placed() > 0))[:5]
    above = model.above_mean[people]
    with torch.no_grad():
        found, mapped = model.vectors(people, above).numpy(), model.mapped(people).numpy()
    items, bias = model.items.detach().numpy(), model.bias.numpy()
    for row in range(5):
        towards = np.column_stack([np.ones(above[row].nnz), items[above[row].indices]])
        left = above[row].data - bias[above[row].indices] - towards @ mapped[row]
        moved = np.linalg.solve(towards.T @ towards + 3.0 * np.eye(5), towards.T @ left)
        np.testing.assert_allclose(found[row], mapped[row] + moved, atol=1e-4)


def test_of_biases_alone_own_and_source_are_mixed_by_k_and_kappa() -> None:
    one = task(rating_world(), factors=0, kappa=3.0)
    model, people = one.start(), np.flatnonzero(one.people.placed() > 0)
    above = model.above_mean[people]
    with torch.no_grad():
        found, mapped = (vectors.numpy()[:, 0] for vectors in (model.vectors(people, above), model.mapped(people)))
    k = np.diff(above.indptr)
    who = np.repeat(np.arange(len(people)), k)
    own = np.bincount(who, above.data - model.bias.numpy()[above.indices], len(people))
    b = k / (k + 3.0)
    np.testing.assert_allclose(found, b * own / np.maximum(k, 1) + (1 - b) * mapped, atol=1e-5)


def test_what_is_served_is_what_was_trained() -> None:
    world = two_sources()
    one = task(world)
    model, rows = one.start(), world.target.interactions
    with torch.no_grad():
        for held in model.parameters():
            held += 0.1 * torch.randn(held.shape, generator=torch.Generator().manual_seed(1))
        model.settle(np.arange(len(rows.users)))
        everybody = np.arange(len(rows.users))
        vectors = model.vectors(everybody, model.above_mean)
        said = model.predicted(vectors, model.above_mean).numpy()
    found = model.exported(world)
    who = np.repeat(everybody, np.diff(rows.ratings.indptr))
    expected = np.clip(model.mean + one.people.target.spread * said, rows.values.min(), rows.values.max())
    np.testing.assert_allclose(found.predict_rows(who, rows.ratings.indices.astype(np.int64)), expected, atol=1e-4)


def test_in_what_order_things_were_carried_changes_nothing() -> None:
    world, how = two_sources(), Ratings(**FAST)
    carried = {pair.source.name: how.pretrain(pair.source, Context()) for pair in world.pairs}
    one, other = (
        how.adapt(dict(brought), world, Context()).arrays()[0]
        for brought in (carried.items(), reversed(carried.items()))
    )
    assert all(np.array_equal(one[name], other[name]) for name in one | other)


def test_a_tower_adds_up_what_ratings_deviate() -> None:
    tower = RatingTower(3, 2, 2.0, torch.Generator().manual_seed(0))
    told = sparse.csr_matrix(np.array([[1.0, 0, -2.0], [0, 0, 0], [0, 0.5, 0]], np.float32))
    items = tower.items.detach().numpy()
    expected = [(items[0] - 2 * items[2]) / 4, np.zeros(3), 0.5 * items[1] / 3]
    np.testing.assert_allclose(tower(told).detach().numpy(), expected, atol=1e-6)


def test_biases_of_items_are_damped_means_of_what_is_left() -> None:
    one = task(rating_world(), item_damping=3.0)
    model, rows = one.start(), one.people.target
    people = np.flatnonzero(rows.length > 0)[:50]
    above = model.above_mean[people]
    with torch.no_grad():
        said = predicted(model.vectors(people, above), model.items, above).numpy()
    model.settle(people)
    left = np.bincount(above.indices, above.data - said, above.shape[1])
    expected = left / (np.bincount(above.indices, minlength=above.shape[1]) + 3.0)
    np.testing.assert_allclose(model.bias.numpy(), expected, atol=1e-5)


def test_the_error_is_squared_and_somebody_with_many_ratings_weighs_less_than_all_of_them() -> None:
    asked = sparse.csr_matrix(np.array([[1.0] + [0.0] * 99, [2.0] * 100], np.float32))
    found = float(squared_error(torch.zeros(101), asked))
    assert found == pytest.approx((25 / 26 * 1 + 100 * 25 / 125 * 4) / 2)


def test_a_frozen_tower_is_the_pretrained_one_and_a_pull_holds_the_other_near_it() -> None:
    world = rating_world()
    carried = Ratings(**FAST).pretrain(world.pair.source, Context())
    began = carried.arrays["items"] / np.float32(carried.meta["spread"])
    moved = [
        np.abs(fitted(world, held=0, **how).encoders["books"].item_factors - began).max()
        for how in ({"encoder_rate": 0}, {"thaw": 4}, {"pull": 1e4}, {"pull": 0.0})
    ]
    assert moved[:2] == [0, 0]
    assert 0 < moved[2] < moved[3] / 2


def test_a_wider_scale_in_the_source_changes_nothing() -> None:
    one = rating_world()
    rows = one.pair.source.interactions
    wide = Domain("books", replace(rows, values=2 * rows.values))
    other = Transfer.of(wide, one.target, Overlap("users"))
    mine, theirs = (fitted(world) for world in (one, other))
    people = one.target.interactions.users.ids.to_list()
    items = [one.target.interactions.items.ids[0]] * len(people)
    np.testing.assert_allclose(mine.predict(people, items), theirs.predict(people, items), atol=1e-3)


def test_nobody_is_in_what_is_carried() -> None:
    source = rating_world().pair.source
    carried = Ratings(**FAST).pretrain(source, Context())
    n = source.interactions.shape[1]
    assert {name: array.shape for name, array in carried.arrays.items()} == {"items": (n, 5), "expected": (n,)}


def test_people_asked_about_are_like_those_who_will_be_served() -> None:
    one = task(rating_world())
    judges = one.judges()
    both = (one.people.placed() > 0) & (one.people.target.length > 0)
    assert both[judges].all()
    assert len(judges) == int(0.2 * both.sum())


def test_progress_says_what_share_of_the_error_is_explained() -> None:
    told: list[str] = []
    fit_once(Ratings(**FAST), rating_world(), Context(progress=told.append))
    assert any(line.startswith("deep/ratings: films: epoch 1/4, loss ") for line in told)
    assert any("error explained 0." in line and line.endswith("for people held out") for line in told)


def test_a_cancelled_run_says_so_and_a_budget_ends_training() -> None:
    with pytest.raises(StrategyError, match=r"^deep/ratings: books: cancelled$"):
        fit_once(Ratings(**FAST), rating_world(), Context(cancel=lambda: True))
    told: list[str] = []
    fit_once(Ratings(**FAST), rating_world(), Context(progress=told.append, budget=Budget(seconds=0)))
    assert len(told) == 3  # an epoch in the source, one for the people held out, one for all


@pytest.mark.parametrize("lines", [2, 4, 8])
def test_what_was_cancelled_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    monkeypatch.setattr(_resume, "EVERY", 0)
    world, how, told = rating_world(), Ratings(**FAST), list[str]()

    def run(place: Path | None, most: int) -> FactorModel:
        def context(part: str) -> Context:
            kept = None if place is None else Checkpoint(place / part)
            return Context(progress=told.append, cancel=lambda: len(told) >= most, checkpoint=kept)

        carried = how.pretrain(world.pair.source, context("pretrain"))
        return how.adapt({"books": carried}, world, context("adapt"))

    whole = run(None, 99)
    told.clear()
    with pytest.raises(StrategyError, match="cancelled"):
        run(tmp_path, lines)
    again = run(tmp_path, 99)
    assert any("goes on after epoch" in line for line in told)
    (mine, _), (theirs, _) = again.arrays(), whole.arrays()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine | theirs)


def test_somebody_with_thousands_of_ratings_is_read_like_all_others() -> None:
    rng, n = np.random.default_rng(0), 3000
    rows = {
        name: [("glutton", f"{name}{item}", float(rng.integers(1, 6))) for item in range(n)]
        + [(f"p{who}", f"{name}{rng.integers(n)}", float(rng.integers(1, 6))) for who in range(80) for _ in range(3)]
        for name in ("book", "film")
    }
    sides = [
        Domain.from_frame(
            pl.DataFrame(told, schema=["user_id", "item_id", "rating"], orient="row").unique(["user_id", "item_id"]),
            name,
            feedback="explicit",
        )
        for name, told in rows.items()
    ]
    world = Transfer.of(*sides, Overlap("users"))
    found = fitted(world, epochs=1, source_epochs=1)
    row = int(world.target.interactions.users.rows(["glutton"])[0])
    assert np.isfinite(found.user_factors[row]).all()
    assert found.user_factors[row].any()


# People's ratings --------------------------------------------------------------------------------------------------


def test_ratings_of_two_linked_accounts_are_put_together_by_weight() -> None:
    def table(rows: list[tuple[str, str, float]], name: str) -> Domain:
        frame = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
        return Domain.from_frame(frame, name, feedback="explicit")

    books = table([("x", "b1", 4.0), ("x", "b2", 0.0), ("y", "b1", 2.0), ("y", "b3", -1.0), ("z", "b2", 5.0)], "books")
    links = pl.DataFrame({"from_id": ["x", "y", "z"], "to_id": ["p", "p", "q"], "weight": [3.0, 1.0, 2.0]})
    films = table([("p", "f1", 3.0), ("q", "f1", 4.0), ("r", "f1", 5.0)], "films")
    pair = Transfer.of(books, films, Overlap(user_links=links)).pair
    found, items = ratings_brought(pair), pair.source.interactions.items.ids.to_list()
    rated = {
        user: {items[at]: float(r) for at, r in zip(found[row].indices, found[row].data, strict=True)}
        for row, user in enumerate(pair.target.interactions.users.ids)
    }
    assert rated == {"p": {"b1": 3.5, "b2": 0.0, "b3": -1.0}, "q": {"b2": 5.0}, "r": {}}


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return fitted(hold_out(rating_world(), NEWCOMERS, 0).train)


def brought(world: Transfer, user: str) -> dict[str, dict[str, float]]:
    found = {}
    for domain in (world.pair.source, world.target):
        rows = domain.interactions
        mine = rows.ratings[int(rows.users.rows([user])[0])] if user in rows.users.ids else rows.ratings[:0]
        items = rows.items.take(mine.indices.astype(np.int64)) if mine.nnz else []
        found[domain.name] = dict(zip(items, map(float, mine.data), strict=True))
    return found


def test_a_stranger_who_brings_a_known_persons_ratings_is_predicted_alike(model: FactorModel) -> None:
    held = hold_out(rating_world(), NEWCOMERS, 0)
    world, items = held.train, model.roster.items.ids.to_list()
    newcomer = world.target.interactions.users.take(held.people[:1])[0]
    warm = world.target.interactions.users.ids[int(world.shared_people[0])]
    for user in (newcomer, warm):
        found = model.predict_for(brought(world, user), items)
        np.testing.assert_allclose(found, model.predict([user] * len(items), items), atol=1e-4)
        known = model.recommend([user], 5)[0]
        assert model.recommend_for(brought(world, user), 5).items == known.items


def test_every_rating_is_a_reason_and_all_of_them_add_up_to_the_score(model: FactorModel) -> None:
    world = hold_out(rating_world(), NEWCOMERS, 0).train
    user = world.target.interactions.users.ids[int(world.shared_people[0])]
    item = model.recommend([user], 1)[0].items[0]
    found = model.explain(user, item, 100)
    named = {domain: {r.item for r in found.reasons if r.domain == domain} for domain in ("books", "films")}
    assert named == {domain: set(ratings) for domain, ratings in brought(world, user).items()}
    assert sum(reason.share for reason in found.reasons) == pytest.approx(found.score, abs=1e-9)
    assert found.score == pytest.approx(float(model.score([user], [item])[0]), abs=1e-4)


def test_a_bundle_predicts_alike(model: FactorModel, tmp_path: Path) -> None:
    save_bundle(model, tmp_path, strategy="deep/ratings", params={})
    loaded, history = load_bundle(tmp_path), {"books": {"book-a0": 5.0, "book-b1": 1.0}}
    items = model.roster.items.ids.to_list()
    assert loaded.predict_for(history, items).tolist() == model.predict_for(history, items).tolist()
    user = model.roster.users.ids[0]
    assert loaded.explain(user, items[0]) == model.explain(user, items[0])


# What it cannot do -------------------------------------------------------------------------------------------------


def facts(transfer: Transfer) -> list[PairFacts]:
    return [PairFacts.of(pair) for pair in transfer.pairs]


def test_it_objects_to_implicit_feedback_on_either_side() -> None:
    rated, had = rating_world(), taste_world()
    to_ratings = Transfer.of(had.pair.source, rated.target, Overlap("users"))
    from_ratings = Transfer.of(rated.pair.source, had.target, Overlap("users"))
    message = "needs ratings (explicit feedback) on both sides, the {} has implicit feedback"
    assert Ratings().objection(facts(to_ratings)) == message.format("source")
    assert Ratings().objection(facts(from_ratings)) == message.format("target")


def test_it_objects_to_too_few_shared_people_and_to_shared_items_alone() -> None:
    (one,) = facts(rating_world())
    assert Ratings().objection([replace(one, shared_users=64)]) is None
    assert Ratings().objection([one, replace(one, shared_users=63)]) == "needs 64 shared users, there are 63"
    (items_only,) = facts(item_world())
    rated = replace(items_only, source_feedback="explicit", target_feedback="explicit")
    assert Ratings().objection([rated]) == "needs 64 shared users, there are 0"


def test_its_grid_tries_biases_alone() -> None:
    grid = Ratings().grid(facts(rating_world()), 8)
    assert grid[0] == Ratings()
    assert any(one.factors == 0 for one in grid)
    assert {one.factors for one in Ratings(factors=2).grid([], 8)} == {2}


def test_pretraining_on_what_has_no_ratings_is_told_in_words():
    source = taste_world().pairs[0].source
    with pytest.raises(StrategyError, match=rf"^{source.name}: found implicit feedback, expected ratings"):
        Ratings().pretrain(source, Context())
