"""Counting in blocks: the same as in one piece, within a limit of memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import HistoryModel
from foretaste.testing import fit_once, taste_world
from foretaste_linear import NaiveBayes, _counts
from foretaste_linear._counts import Counts, People, counted


def ones(shape: tuple[int, int], seed: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.random.default_rng(seed).random(shape) < 0.3).astype(np.float32))


def whole(*groups: People) -> NDArray[np.float64]:
    found = np.zeros((groups[0].evidence.shape[1], groups[0].target.shape[1]))
    for one in groups:
        part = one.evidence.toarray().T @ one.target.toarray()
        if one.evidence is one.target:
            np.fill_diagonal(part, 0)
        found += one.weight * part
    return found


def two_groups(own: bool) -> list[People]:
    here, there = ones((40, 12), 1), ones((30, 12), 2)
    return [People(here if own else ones((40, 17), 3), here), *([People(there, there, 0.3)] if own else [])]


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("entries", [1, 50, 10**6])
def test_blocks_come_to_the_same(own: bool, entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_counts, "_BLOCK_ENTRIES", entries)
    groups = two_groups(own)
    found, expected = counted(groups), whole(*groups)
    np.testing.assert_allclose(found.together.toarray(), expected, rtol=1e-6)
    np.testing.assert_allclose(found.of_evidence, expected.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.of_target, expected.sum(axis=0), rtol=1e-6)
    assert (found.least, found.kept) == (0.0, pytest.approx(1.0))
    assert found.together.nnz == np.count_nonzero(expected)


@pytest.mark.parametrize("entries", [1, 50, 10**6])
def test_beyond_the_limit_the_smallest_counts_go_and_the_sums_stay(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_counts, "_BLOCK_ENTRIES", entries)
    groups = two_groups(own=False)
    expected = whole(*groups)
    found = counted(groups, limit_bytes=8 * 60)
    assert 0 < found.together.nnz <= 60
    np.testing.assert_array_equal(found.together.toarray(), np.where(expected > found.least, expected, 0))
    np.testing.assert_array_equal(found.of_target, expected.sum(axis=0))
    assert found.kept == pytest.approx(expected[expected > found.least].sum() / expected.sum())
    again = Counts.of(counted(groups).together, 8 * 60)
    np.testing.assert_array_equal(again.together.toarray(), found.together.toarray())
    np.testing.assert_array_equal(again.of_target, found.of_target)


def test_what_was_left_out_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = taste_world()
    monkeypatch.setattr("foretaste_linear._naive_bayes.counted", lambda groups, limit: counted(groups, 8 * 200))
    model = fit_once(NaiveBayes(map_megabytes=3), world)
    assert isinstance(model, HistoryModel)
    assert all(side.map.nnz <= 200 for side in model.sides.values())
    assert len(model.notes) == 2
    assert all("left out to fit 3 MB: pairs counted up to" in note for note in model.notes)
