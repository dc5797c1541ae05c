"""The toy worlds hold what they promise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, PairFacts, Transfer
from foretaste.audit import find_twins
from foretaste.testing import (
    item_world,
    linked_world,
    save_world,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)

Make = Callable[..., Transfer]
SHARED = [taste_world, unrelated_world, linked_world, two_source_world]


@pytest.mark.parametrize("make", SHARED)
@pytest.mark.parametrize("n_people", [60, 120, 300])
def test_no_two_items_look_like_twins(make: Make, n_people: int) -> None:
    twins = [len(find_twins(pair)) for seed in range(3) for pair in make(n_people, seed=seed).pairs]
    assert not any(twins)


@pytest.mark.parametrize("make", [*SHARED, item_world])
def test_the_same_seed_makes_the_same_world(make: Make) -> None:
    one, same, other = make(seed=4), make(seed=4), make(seed=5)
    prints = [world.target.interactions.fingerprint for world in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("make", SHARED)
def test_there_are_warm_people_newcomers_and_people_without_a_source(make: Make) -> None:
    world = make()
    length, own = world.source_length > 0, world.target.interactions.history > 0
    assert all(mask.sum() >= 5 for mask in (length & own, length & ~own))
    assert (~length & own).any() or len(world.pairs) > 1


@pytest.mark.parametrize("make", [taste_world, unrelated_world, two_source_world])
def test_most_rows_of_a_person_are_of_the_own_taste(make: Make) -> None:
    rows = make().target.interactions
    people, items = rows.users.take(rows.user_rows), rows.items.take(rows.item_rows)
    assert np.mean([taste_of(p) == taste_of(i) for p, i in zip(people, items, strict=True)]) > 0.75


def test_item_world_shares_items_and_nobody() -> None:
    facts = PairFacts.of(item_world().pair)
    assert (facts.shared_users, facts.shared_items) == (0, 24)


def test_linked_world_is_taste_world_under_other_ids() -> None:
    linked, shared = linked_world(weight=0.5).pair, taste_world().pair
    assert not set(linked.source.interactions.users.ids) & set(linked.target.interactions.users.ids)
    assert (linked.source_history != 0.5 * shared.source_history).nnz == 0


def test_a_world_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="n_people: found 20, expected 60 or more"):
        taste_world(20)


def test_a_saved_world_can_be_read(tmp_path: Path) -> None:
    world = taste_world()
    save_world(world, tmp_path)
    read = Domain.from_frame(pl.read_parquet(tmp_path / "books.parquet"), "books")
    assert read.interactions.fingerprint == world.pair.source.interactions.fingerprint
