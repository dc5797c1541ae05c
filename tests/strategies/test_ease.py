import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from foretaste import Domain, HistoryModel, Overlap, PairFacts, Transfer
from foretaste.strategy import Context, Strategy
from foretaste.testing import StrategyContract, fit_once, taste_world
from foretaste_baseline import Ease, Popular


class TestEase(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease


def primal(X: NDArray[np.float64], regularization: float) -> NDArray[np.float64]:
    """Steck 2019, equation 8: B = I - P diag(1 / diag P), P = (X'X + regularization I)^-1."""
    inverse = np.linalg.inv(X.T @ X + regularization * np.eye(X.shape[1]))
    return np.eye(X.shape[1]) - inverse / np.diag(inverse)


def few_people() -> Transfer:
    rng = np.random.default_rng(5)
    books, films = rng.random((9, 4)) < 0.5, rng.random((9, 30)) < 0.3
    sides = []
    for name, had in (("books", books), ("films", films)):
        people, items = np.nonzero(had)
        rows = {"user_id": [f"p{n}" for n in people], "item_id": [f"{name}{n}" for n in items]}
        sides.append(Domain.from_frame(pl.DataFrame(rows), name))
    return Transfer.of(sides[0], sides[1], Overlap("users"))


@pytest.mark.parametrize("make", [taste_world, few_people], ids=["more people than items", "more items than people"])
@pytest.mark.parametrize("regularization", [1.0, 300.0])
def test_the_map_is_the_primal_formula(make: type, regularization: float) -> None:
    world = make()
    found = fit_once(Ease(regularization=regularization), world)
    assert isinstance(found, HistoryModel)
    expected = primal(world.target.interactions.preference.toarray().astype(np.float64), regularization)
    np.testing.assert_allclose(found.sides["films"].map, expected, atol=1e-5)


def test_a_score_is_history_times_map_and_scaled_popularity() -> None:
    world = taste_world()
    rows = world.target.interactions
    X = rows.preference.toarray().astype(np.float64)
    expected = X @ primal(X, 50.0) + 0.2 * np.log1p(rows.popularity) / np.log1p(rows.popularity).max()
    found = fit_once(Ease(regularization=50.0, popularity=0.2), world)
    person = int(np.argmax(rows.history))
    items = rows.items.ids.to_list()
    scores = found.score([rows.users.ids[person]] * len(items), items)
    np.testing.assert_allclose(scores, expected[person], atol=1e-5)


def test_newcomers_are_answered_by_popularity() -> None:
    world = taste_world()
    people = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0))
    mine, popular = (fit_once(one, world).recommend(people, 5) for one in (Ease(), Popular()))
    assert mine.to_rows() == popular.to_rows()


def test_a_map_that_was_cut_says_what_it_lost() -> None:
    rng, lines = np.random.default_rng(0), list[str]()
    people, items = rng.integers(0, 60, 3000), rng.integers(0, 600, 3000)
    domain = Domain.from_frame(pl.DataFrame({"user_id": people, "item_id": items}), name="films")
    transfer = Transfer(domain, ())
    found = fit_once(Ease(map_megabytes=1), transfer, Context(device="cpu", progress=lines.append))
    (note,) = found.notes
    share = re.fullmatch(r"the item map, cut to 1 MB, lost ([\d.]+)% of its squared norm", note)
    assert share is not None
    assert 0 < float(share[1]) < 50
    assert lines == [f"baseline/ease: {note}"]
    assert fit_once(Ease(), transfer).notes == ()


def test_it_objects_to_a_catalogue_that_does_not_fit_memory() -> None:
    facts = replace(PairFacts.of(taste_world().pair), target_users=200_000, target_items=60_000)
    objection = Ease().refusal([facts])
    assert objection is not None
    assert re.fullmatch(r"needs [\d.]+ GiB for 60000 items, the limit is [\d.]+ GiB", objection)
