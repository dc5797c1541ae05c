"""Toy worlds whose right answer is known: what a person wants are the items of that person's taste.

Ids say the taste: person ``a17`` and item ``film-a3`` are of taste ``a``. Most rows of a person are items of the own
taste, the others are drawn from everything, so that no two items have the same people: nothing looks like a twin. With
fewer than 60 people that could happen by chance, and worlds so small are refused with ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from foretaste.data import Domain, Overlap, Transfer

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FEWEST_PEOPLE = 60
_ITEMS = 12  # of each taste
_ROWS = 6  # of a person, before repeated draws are joined
_OWN_TASTE = 0.8  # share of rows


def taste_of(name: str) -> str:
    """Return the letter of the taste that a person or an item is of."""
    return name.rpartition("-")[2][0]


def taste_world(n_people: int = 120, *, seed: int = 0, tastes: int = 2) -> Transfer:
    """Return books -> films with shared people: a person's taste is the same on both sides.

    One person in twelve has books only (a newcomer), another one films only. Whatever carries taste beats popularity
    for people whose films are hidden.
    """
    who = np.arange(n_people)
    return _shared_people(who % tastes, who % tastes, tastes, seed)


def unrelated_world(n_people: int = 120, *, seed: int = 0, tastes: int = 2) -> Transfer:
    """Return books -> films with shared people whose taste in books says nothing about their taste in films."""
    drawn = np.random.default_rng([seed, 4]).integers(0, tastes, n_people)
    return _shared_people(drawn, np.arange(n_people) % tastes, tastes, seed)


def linked_world(n_people: int = 120, *, seed: int = 0, tastes: int = 2, weight: float = 1.0) -> Transfer:
    """Return ``taste_world`` with other ids in the source, joined by a link table of this weight."""
    world = taste_world(n_people, seed=seed, tastes=tastes)
    books = _frame(world.pair.source).with_columns(pl.format("account-{}", "user_id").alias("user_id"))
    source = Domain.from_frame(books, "books")
    accounts = source.interactions.users.ids
    links = pl.DataFrame({"from_id": accounts, "to_id": accounts.str.strip_prefix("account-")})
    target = Domain.from_frame(_frame(world.target), "films")
    return Transfer.of(source, target, Overlap(user_links=links.with_columns(weight=pl.lit(weight))))


def two_source_world(n_people: int = 160, *, seed: int = 0) -> Transfer:
    """Return books and albums -> films, four tastes in films: either source tells half of a person's taste.

    Books tell ``a`` and ``b`` from ``c`` and ``d``; albums tell ``a`` and ``c`` from ``b`` and ``d``. One person in
    ten has no books, another one no albums, a third one no films.
    """
    who = np.arange(n_people)
    tastes = who % 4
    names = _people(tastes)
    lacks = who // 4 % 10
    books = _domain("book", names[lacks != 1], tastes[lacks != 1] // 2, 2, [seed, 1])
    albums = _domain("album", names[lacks != 2], tastes[lacks != 2] % 2, 2, [seed, 2])
    films = _domain("film", names[lacks != 3], tastes[lacks != 3], 4, [seed, 3])
    return Transfer.of([books, albums], films, Overlap("users"))


def item_world(n_people: int = 120, *, seed: int = 0, tastes: int = 2) -> Transfer:
    """Return shop -> market: the same items, none of the people."""
    who = np.arange(n_people)
    here, there = who % 2 == 0, who % 2 == 1
    mine = who // 2 % tastes
    names = _people(mine)
    shop = _domain("item", names[here], mine[here], tastes, [seed, 1], "shop")
    market = _domain("item", names[there], mine[there], tastes, [seed, 3], "market")
    return Transfer.of(shop, market, Overlap("items"))


def rating_world(n_people: int = 120, *, seed: int = 0) -> Transfer:
    """Return books -> films with shared people and ratings from 1 to 5.

    Some people are generous, in books as in films, and some items are better than others; own taste is rated higher.
    Most of what can be known of a newcomer's ratings is the item and the person's generosity.
    """
    world = taste_world(n_people, seed=seed)
    generous = np.random.default_rng([seed, 5]).normal(0, 0.7, n_people)
    source, target = (_rated(domain, generous, seed) for domain in (world.pair.source, world.target))
    return Transfer.of(source, target, Overlap("users"))


def _rated(domain: Domain, generous: NDArray[np.float64], seed: int) -> Domain:
    rows, rng = _frame(domain), np.random.default_rng([seed, 6, len(domain.name)])
    users, items = rows["user_id"].to_list(), rows["item_id"].to_list()
    quality = dict(zip(domain.interactions.items.ids, rng.normal(0, 0.6, len(domain.interactions.items)), strict=True))
    liked = np.array([0.4 if taste_of(u) == taste_of(i) else -0.4 for u, i in zip(users, items, strict=True)])
    rating = 3.2 + generous[[int(u[1:]) for u in users]] + [quality[i] for i in items] + liked
    stars = np.clip(np.round(rating + rng.normal(0, 0.3, len(users))), 1, 5)
    return Domain.from_frame(rows.with_columns(weight=pl.Series(stars)), domain.name, feedback="explicit")


def save_world(world: Transfer, folder: Path) -> None:
    """Write each domain to ``folder/{name}.parquet``, with the columns that experiment.yaml expects."""
    folder.mkdir(parents=True, exist_ok=True)
    for domain in (world.target, *(pair.source for pair in world.pairs)):
        _frame(domain).write_parquet(folder / f"{domain.name}.parquet")


def _shared_people(books: NDArray[np.int64], films: NDArray[np.int64], tastes: int, seed: int) -> Transfer:
    names = _people(films)
    # blocks of as many people as there are tastes, so that every taste loses as many
    lacks = np.arange(len(names)) // tastes % 12
    source = _domain("book", names[lacks != 1], books[lacks != 1], tastes, [seed, 1])
    target = _domain("film", names[lacks != 2], films[lacks != 2], tastes, [seed, 3])
    return Transfer.of(source, target, Overlap("users"))


def _people(tastes: NDArray[np.int64]) -> NDArray[np.str_]:
    if len(tastes) < _FEWEST_PEOPLE:
        raise ValueError(f"n_people: found {len(tastes)}, expected {_FEWEST_PEOPLE} or more")
    return np.array([f"{_LETTERS[taste]}{person}" for person, taste in enumerate(tastes)])


def _domain(
    item: str,
    people: NDArray[np.str_],
    tastes: NDArray[np.int64],
    n_tastes: int,
    seed: Sequence[int],
    name: str | None = None,
) -> Domain:
    rng = np.random.default_rng(seed)
    shape = (len(people), _ROWS)
    wanted = np.where(rng.random(shape) < _OWN_TASTE, tastes[:, None], rng.integers(0, n_tastes, shape))
    # the first items of a taste are drawn most: popularity is worth something, too
    number = np.floor(_ITEMS * rng.random(shape) ** 1.5).astype(np.int64)
    items = [f"{item}-{_LETTERS[taste]}{n}" for taste, n in zip(wanted.ravel(), number.ravel(), strict=True)]
    rows = pl.DataFrame({"user_id": np.repeat(people, _ROWS).tolist(), "item_id": items})
    return Domain.from_frame(rows.unique(maintain_order=True), name or f"{item}s")


def _frame(domain: Domain) -> pl.DataFrame:
    rows = domain.interactions
    ids = {"user_id": rows.users.ids.gather(rows.user_rows), "item_id": rows.items.ids.gather(rows.item_rows)}
    return pl.DataFrame(ids if rows.feedback.kind == "implicit" else {**ids, "weight": rows.values})
