"""New rows one after the other come to the same as a fit of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from foretaste import Carried, DataError, Domain, HistoryModel, Overlap, Transfer, load_bundle, save_bundle
from foretaste.testing import fit_once, item_world, rating_world, taste_world
from foretaste_linear import NaiveBayes
from strategies.test_naive_bayes_features import tagged

SETTINGS: list[dict[str, Any]] = [{}, {"variant": "complement", "power": 0.0, "prior": 0.5}]


def frame(domain: Domain) -> pl.DataFrame:
    rows = domain.interactions
    columns = {"user_id": rows.users.ids.gather(rows.user_rows), "item_id": rows.items.ids.gather(rows.item_rows)}
    return pl.DataFrame(columns if rows.feedback.kind == "implicit" else {**columns, "rating": rows.values})


def parts(table: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The first rows, and two batches of later ones: more of known people, new people and new items."""
    late = (
        (pl.col("user_id").str.tail(1) == "7")
        | (pl.int_range(pl.len()) % 5 == 0)
        | pl.col("item_id").str.ends_with("9")
    )
    mixed = table.with_columns(late=late)
    early, later = mixed.filter(~pl.col("late")).drop("late"), mixed.filter("late").drop("late")
    return early, [later[::2], later[1::2]]


def fitted(strategy: NaiveBayes, world: Transfer) -> HistoryModel:
    found = fit_once(strategy, world)
    assert isinstance(found, HistoryModel)
    return found


def assert_same(one: HistoryModel, other: HistoryModel) -> None:
    """Both know the same people and items, and say the same of them."""
    people, items = (sorted(index.ids.to_list()) for index in (other.roster.users, other.roster.items))
    assert (sorted(one.roster.users.ids), sorted(one.roster.items.ids)) == (people, items)
    pairs = [person for person in people for _ in items], items * len(people)
    np.testing.assert_allclose(one.score(*pairs), other.score(*pairs), rtol=1e-4, atol=1e-4)
    for mine, theirs in zip(one.recommend(people, len(items)), other.recommend(people, len(items)), strict=True):
        assert (mine.path, sorted(mine.items)) == (theirs.path, sorted(theirs.items))
    counts = (dict(zip(each.roster.items.ids, each.roster.popularity, strict=True)) for each in (one, other))
    assert next(counts) == next(counts)


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("make", [taste_world, rating_world])
def test_an_update_with_new_rows_is_a_fit_of_all_rows(make: Any, params: dict[str, Any]) -> None:
    world, strategy = make(), NaiveBayes(**params)
    books, more_books = parts(frame(world.pair.source))
    films, more_films = parts(frame(world.target))
    early = Transfer.of(Domain.from_frame(books, "books"), Domain.from_frame(films, "films"), Overlap("users"))
    model, counts = fitted(strategy, early), strategy.count(early)
    for some_books, some_films in zip(more_books, more_films, strict=True):
        new = [Domain.from_frame(some_books, "books"), Domain.from_frame(some_films, "films")]
        counts, model = strategy.update(counts, model, new)
    whole = Transfer.of(
        *(Domain.from_frame(frame(d), d.name) for d in (world.pair.source, world.target)), Overlap("users")
    )
    assert_same(model, fitted(strategy, whole))
    assert_counts(counts, strategy.count(whole))


def assert_counts(one: Carried, other: Carried) -> None:
    def table(carried: Carried) -> dict[tuple[str, str, str], float]:
        found, columns = {}, carried.meta["items"][carried.meta["target"]]
        for name in carried.meta["counts"]:
            data, indices, ends = (carried.arrays[f"counts.{name}.{part}"] for part in ("data", "indices", "indptr"))
            rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
            ids = carried.meta["items"][name]
            found |= {(name, ids[r], columns[c]): float(v) for r, c, v in zip(rows, indices, data, strict=True)}
        return found

    assert table(one) == pytest.approx(table(other))


def test_features_and_another_market_stay_as_they_were_counted() -> None:
    """People are tagged, and half of them a market of its own: new rows come to its counts and to those of the tags."""
    world, strategy = item_world(), NaiveBayes(discount=0.3, power=0.5)
    early, later = parts(
        frame(world.target).with_columns(pl.col("item_id").str.replace("9$", "8")).unique(maintain_order=True)
    )
    people = Domain.from_frame(frame(world.target), "market").interactions.users
    everybody = pl.concat([early, *later])

    def transfer(rows: pl.DataFrame) -> Transfer:
        market = Domain.from_frame(rows, "market")
        return Transfer.of(world.pair.source, tagged(market), Overlap("items"))

    first, whole = transfer(early), transfer(everybody)
    model, counts = fitted(strategy, first), strategy.count(first)
    brought = Domain.from_frame(
        later[0].filter(pl.col("user_id").is_in(first.target.interactions.users.ids.to_list())), "market"
    )
    counts, model = strategy.update(counts, model, [brought])
    again = transfer(pl.concat([early, frame(brought)]))
    assert_same(model, fitted(strategy, again))
    assert len(people) >= len(whole.target.interactions.users)
    new = model.recommend_for({"shop": ["item-a0"]}, 3)
    assert new.items == fitted(strategy, again).recommend_for({"shop": ["item-a0"]}, 3).items


def test_a_rating_that_changes_its_mind_is_counted_out() -> None:
    strategy, options = NaiveBayes(), {"feedback": "explicit"}
    rows = [(user, item, 5.0) for user in ("ann", "bob", "cid") for item in ("x", "y")] + [("bob", "z", 4.0)]
    table = pl.DataFrame(rows, ["user_id", "item_id", "rating"], orient="row")
    changed = pl.DataFrame([("ann", "y", 1.0)], ["user_id", "item_id", "rating"], orient="row")

    def world(films: pl.DataFrame) -> Transfer:
        books = Domain.from_frame(
            table.select("user_id", "rating", item_id="b-" + pl.col("item_id")), "books", **options
        )
        return Transfer.of(books, Domain.from_frame(films, "films", **options), Overlap("users"))

    first = world(table)
    _, model = strategy.update(
        strategy.count(first), fitted(strategy, first), [Domain.from_frame(changed, "films", **options)]
    )
    assert_same(model, fitted(strategy, world(pl.concat([table, changed]))))


def test_counts_and_recommender_may_come_from_disk(tmp_path: Path) -> None:
    world, strategy = taste_world(), NaiveBayes()
    counts, new = (
        strategy.count(world),
        [Domain.from_frame(pl.DataFrame({"user_id": ["z"], "item_id": ["film-a0"]}), "films")],
    )
    np.savez(tmp_path / "counts.npz", **counts.arrays)
    (tmp_path / "counts.json").write_text(json.dumps(counts.meta))
    saved = Carried(dict(np.load(tmp_path / "counts.npz")), json.loads((tmp_path / "counts.json").read_text()))
    model = load_bundle(
        save_bundle(fitted(strategy, world), tmp_path, strategy=strategy.name, params=strategy.params())
    )
    assert isinstance(model, HistoryModel)
    _, one = strategy.update(saved, model, new)
    _, other = strategy.update(counts, fitted(strategy, world), new)
    assert one.recommend(["z", "a0"], 5).to_rows() == other.recommend(["z", "a0"], 5).to_rows()
    assert one.recommend(["z"])[0].path == "known"


def test_counts_are_of_nobody_in_particular() -> None:
    world = taste_world(101)
    counts = NaiveBayes().count(world)
    assert not any(101 in array.shape for array in counts.arrays.values())
    assert not set(json.dumps(counts.meta).split('"')) & set(world.target.interactions.users.ids)


def mistake(
    world: Transfer, *new: Domain, strategy: NaiveBayes | None = None, model: HistoryModel | None = None
) -> str:
    used = strategy or NaiveBayes()
    with pytest.raises(DataError) as told:
        used.update(used.count(world), model or fitted(used, world), new)
    return str(told.value)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    world = taste_world()
    rows = pl.DataFrame({"user_id": ["a0"], "item_id": ["film-a0"]})
    assert mistake(world, Domain.from_frame(rows, "film")) == "rows of 'film': expected rows of books, films"
    rated = Domain.from_frame(rows.with_columns(rating=4.0), "films")
    assert mistake(world, rated).startswith("rows of 'films': found Feedback(kind='explicit'")
    assert mistake(item_world(), Domain.from_frame(rows, "shop")) == (
        "rows of 'shop': its people are in the counts and not in the recommender; fit again"
    )
    lean = load_bundle(save_bundle(fitted(NaiveBayes(), world), tmp_path, strategy="x", params={}, histories=False))
    assert isinstance(lean, HistoryModel)
    assert mistake(world, Domain.from_frame(rows, "films"), model=lean) == (
        "films: an update needs histories, which the recommender was saved without"
    )
    assert mistake(world, Domain.from_frame(rows, "films"), model=fitted(NaiveBayes(), taste_world(tastes=3))) == (
        "counts of 'books': the recommender was not made from them, nor from equal data"
    )
    with pytest.raises(DataError, match="counts: expected what count or update of linear/naive-bayes returned"):
        NaiveBayes().update(Carried(), fitted(NaiveBayes(), world), [])
