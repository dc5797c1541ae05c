"""What a forecast is made of: the sample, choices by other people, and fits without the person who is judged."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Domain, Overlap, Transfer
from foretaste.forecast import _sample, forecast
from foretaste.forecast._judged import cross_fitted, judged
from foretaste.forecast._kept import _predicted, kept
from foretaste.forecast._newcomers import FACTORS, taste
from foretaste.forecast._sample import sample
from foretaste.solvers import kernel_ridge
from foretaste.testing import taste_world


def test_a_setting_is_chosen_by_other_people() -> None:
    parts = np.array([0, 0, 1, 1])
    values = np.array([[9.0, 9.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    assert cross_fitted(values, parts).tolist() == [1, 1, 0, 0]


def test_the_first_rows_by_time_are_those_that_people_keep() -> None:
    table = pl.DataFrame({"user_id": [1, 1, 1, 2], "item_id": list("cabz"), "timestamp": [3.0, 1.0, 2.0, 1.0]})
    world = Transfer.of(Domain.from_frame(table, "books"), Domain.from_frame(table, "films"), Overlap("users"))
    found = sample(world.pair, 7)
    items = world.target.interactions.items.ids.to_list()
    order = dict(zip(items, found.order.toarray()[0], strict=True))
    assert [order[item] for item in "abc"] == [1, 2, 3]


def test_a_sample_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sample, "PEOPLE", 70)
    monkeypatch.setattr(_sample, "ITEMS", 9)
    monkeypatch.setattr(_sample, "HISTORY", 3)
    found = sample(taste_world(200).pair, 7)
    assert len(found) == 70
    assert found.source.shape[1] <= 9
    assert found.target.shape == found.order.shape == (70, 9)
    assert found.source.getnnz(axis=1).max() == 3


def test_fewer_people_are_drawn_where_histories_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sample, "_PAIRS", 2_000)
    monkeypatch.setattr(_sample, "_FEWEST", 20)
    found = sample(taste_world(400).pair, 7)
    assert 20 < len(found) < 100


def test_few_people_are_dealt_into_parts_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    few = sample(taste_world(60).pair, 7).deals
    assert few.shape[0] == 5
    assert len({tuple(parts) for parts in few}) == 5
    monkeypatch.setattr(_sample, "_DEALT", 60)
    assert len(sample(taste_world(60).pair, 7).deals) == 1


def test_nobody_is_predicted_from_their_own_row() -> None:
    found = sample(taste_world(60).pair, 7)
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(len(found), 5))
    K = Z @ Z.T + 1
    inverse = kernel_ridge(K, sparse.identity(len(found), np.float64, "csr"), 2.0).coefficients
    who = np.array([4, 9])
    asked = rng.normal(size=(2, len(found)))
    predicted = _predicted(asked.copy(), inverse, who, found)
    for row, person in enumerate(who):
        others = np.delete(np.arange(len(found)), person)
        fit = np.linalg.solve(K[np.ix_(others, others)] + 2 * np.eye(len(others)), found.target[others].toarray())
        np.testing.assert_allclose(predicted[row], asked[row, others] @ fit, atol=1e-4)


def test_people_who_keep_rows_are_judged_on_the_others_alone() -> None:
    found = sample(taste_world(400, tastes=3).pair, 7)
    (level,) = kept(found, np.arange(len(found)), 7)  # nobody has more than ten rows
    assert level.rows == 3
    assert (found.order[level.people].max(axis=1).toarray() > 3).all()
    np.testing.assert_array_equal(level.real, level.permuted)  # as everybody was dealt their own


def test_lists_leave_out_what_people_had() -> None:
    scores, truth = np.array([[3.0, 2.0, 1.0]]), sparse.csr_matrix([[0.0, 1.0, 0.0]])
    assert judged(scores, truth)[0] < 1
    assert judged(scores, truth, sparse.csr_matrix([[1.0, 0.0, 0.0]]))[0] == 1


def test_taste_of_large_and_of_small_samples_is_the_same() -> None:
    rng = np.random.default_rng(0)
    small = sparse.csr_matrix((rng.random((300, 40)) < 0.3).astype(np.float32))
    large = sparse.csr_matrix((small.shape[0], 260), dtype=np.float32)
    padded = sparse.csr_matrix(sparse.hstack([small, large]))  # above the size that is solved densely
    one, two = taste(small, 7), taste(padded, 7)
    assert one.shape == two.shape == (300, FACTORS)
    np.testing.assert_allclose(one @ one.T, two @ two.T, atol=1e-6)


def test_what_few_people_have_in_the_source_is_evidence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taste shows in 80 source items that a tenth of the people have, and everybody has others more often."""
    rng, people = np.random.default_rng(0), range(300)
    rare = [(who, f"rare{2 * item + who % 2}") for who in people for item in rng.choice(40, 4, replace=False)]
    common = [(who, f"common{item}") for who in people for item in rng.choice(10, 5, replace=False)]
    films = [(who, f"film{2 * item + who % 2}") for who in people for item in rng.choice(5, 2, replace=False)]
    sides = [
        Domain.from_frame(pl.DataFrame(rows, ["user_id", "item_id"], orient="row"), name)
        for name, rows in (("books", rare + common), ("films", films))
    ]
    monkeypatch.setattr(_sample, "ITEMS", 10)
    found = forecast(Transfer.of(*sides, Overlap("users")).pair)
    assert found.source_items == 10
    assert found.expected[0].low > 0.05
