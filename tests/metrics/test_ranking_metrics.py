from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG
from scipy import sparse

from foretaste.metrics import (
    AveragePrecision,
    Coverage,
    Hit,
    Metric,
    Ndcg,
    Novelty,
    Precision,
    Ranking,
    Recall,
    ReciprocalRank,
)

ACCURACY = [Ndcg, Recall, Precision, Hit, AveragePrecision, ReciprocalRank]


def ranking(lists, preferred, n_items=6, popularity=None, n_train_people=8):
    truth = sparse.lil_matrix((len(lists), n_items))
    for person, items in enumerate(preferred):
        truth[person, list(items)] = 1
    counts = np.ones(n_items) if popularity is None else np.asarray(popularity, float)
    return Ranking(np.asarray(lists, np.int64), truth.tocsr(), counts, n_train_people)


def value(metric, lists, preferred, **more):
    return metric.values(ranking([lists], [preferred], **more))[0]


def test_a_hit_is_a_listed_item_that_the_person_prefers():
    seen = ranking([[0, 1, 2], [2, 1, 0]], [{1}, {0, 2}])
    assert seen.hits.tolist() == [[False, True, False], [True, False, True]]


def test_padding_is_never_a_hit_even_beside_a_person_who_prefers_the_last_item():
    seen = ranking([[5, -1], [0, -1]], [{5}, {1}])
    assert seen.hits.tolist() == [[True, False], [False, False]]


def test_a_stored_zero_counts_as_preferred():
    truth = sparse.csr_matrix((np.zeros(1), ([0], [2])), shape=(1, 3))
    seen = Ranking(np.array([[2, 0]]), truth, np.ones(3), 3)
    assert (seen.hits.tolist(), seen.positives.tolist()) == ([[True, False]], [1])


def test_positives_count_the_held_out_items_of_each_person():
    assert ranking([[0], [0], [0]], [{1, 2}, set(), {5}]).positives.tolist() == [2, 0, 1]


def test_ndcg_discounts_by_the_logarithm_of_the_rank():
    assert value(Ndcg(3), [4, 1, 2], {1}) == pytest.approx(1 / np.log2(3))


def test_ndcg_is_divided_by_what_the_cutoff_makes_achievable():
    assert value(Ndcg(2), [0, 1, 2], {0, 1, 2, 3}) == pytest.approx(1)


def test_ndcg_of_a_first_and_third_hit_by_hand():
    found = 1 + 1 / np.log2(4)
    best = 1 + 1 / np.log2(3)
    assert value(Ndcg(3), [0, 5, 1], {0, 1}) == pytest.approx(found / best)


def test_recall_is_divided_by_all_preferred_items():
    assert value(Recall(2), [0, 1, 2], {0, 1, 2, 3}) == 0.5


def test_precision_is_divided_by_the_cutoff():
    assert value(Precision(4), [0, 5, 4, 3], {0}) == 0.25


def test_precision_divides_a_short_list_by_the_cutoff_too():
    assert value(Precision(4), [0, -1, -1, -1], {0}) == 0.25


def test_hit_is_one_or_zero():
    assert Hit(2).values(ranking([[0, 1, 2], [0, 1, 2]], [{0, 1}, {2}])).tolist() == [1, 0]


def test_average_precision_by_hand():
    assert value(AveragePrecision(3), [0, 5, 1], {0, 1}) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_reaches_one_where_the_person_prefers_more_than_the_cutoff():
    assert value(AveragePrecision(2), [0, 1, 5], {0, 1, 2}) == 1


def test_reciprocal_rank_takes_the_first_hit():
    assert value(ReciprocalRank(3), [5, 0, 1], {0, 1}) == 0.5


def test_reciprocal_rank_beyond_the_cutoff_is_zero():
    assert value(ReciprocalRank(2), [5, 4, 1], {1}) == 0


@pytest.mark.parametrize("metric", ACCURACY)
def test_a_person_without_held_out_items_has_no_accuracy(metric):
    assert np.isnan(value(metric(2), [0, 1], set()))


@pytest.mark.parametrize("metric", ACCURACY)
def test_a_person_who_was_recommended_nothing_has_zero(metric):
    assert value(metric(2), [-1, -1], {0}) == 0


@pytest.mark.parametrize("metric", ACCURACY)
def test_a_perfect_list_has_one(metric):
    assert value(metric(2), [3, 1, 0], {1, 3}) == 1


def test_the_aggregate_leaves_out_people_without_a_value():
    seen = ranking([[0, 1], [0, 1], [0, 1]], [{0}, set(), {5}])
    metric = Hit(2)
    assert metric.aggregate(metric.values(seen), seen) == 0.5


def test_the_aggregate_over_nobody_is_nan():
    seen = ranking([[0, 1]], [set()])
    metric = Hit(2)
    assert np.isnan(metric.aggregate(metric.values(seen), seen))


def test_coverage_is_the_share_of_the_catalogue_in_somebodys_list():
    seen = ranking([[0, 1, 5], [1, 2, 4], [-1, -1, -1]], [{0}, set(), {1}])
    metric = Coverage(2)
    assert metric.aggregate(metric.values(seen), seen) == 3 / 6


def test_coverage_has_no_value_per_person():
    assert np.isnan(Coverage(2).values(ranking([[0, 1]], [{0}]))).all()
    assert not Coverage.per_person


def test_novelty_is_the_mean_self_information_in_bits():
    assert value(Novelty(2), [0, 1, 2], {0}, popularity=[8, 2, 1, 1, 1, 1]) == pytest.approx(1.0)


def test_novelty_counts_an_item_that_nobody_has_as_if_one_person_did():
    assert value(Novelty(1), [0], set(), popularity=[0, 1, 1, 1, 1, 1]) == 3


def test_novelty_leaves_padding_out():
    assert value(Novelty(3), [1, -1, -1], {0}, popularity=[8, 2, 1, 1, 1, 1]) == pytest.approx(2)


def test_novelty_of_an_empty_list_is_undefined():
    assert np.isnan(value(Novelty(2), [-1, -1], {0}))


def test_a_ranking_that_ends_before_the_cutoff_is_an_error():
    with pytest.raises(ValueError, match=r"ndcg@5 needs 5 columns of ranked items \(pad with -1\), found 2"):
        Ndcg(5).values(ranking([[0, 1]], [{0}]))


def test_a_cutoff_beyond_the_catalogue_needs_no_more_than_the_catalogue():
    assert value(Recall(50), [0, 1, 2, 3, 4, 5], {0, 5}) == 1


def test_a_plugin_writes_a_metric_in_a_few_lines():
    class FirstIsRight(Metric):
        name = "first"
        takes_cutoff = False

        def values(self, seen, /):
            return seen.hits[:, 0].astype(float)

    seen = ranking([[0, 1], [0, 1]], [{0}, {1}])
    metric = FirstIsRight()
    assert metric.aggregate(metric.values(seen), seen) == 0.5


@st.composite
def cases(draw):
    """A random padded ranking and a cutoff; some people have nothing held out, some more than the cutoff."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_people, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    cutoff = draw(st.integers(1, 25))
    lists = np.argsort(rng.random((n_people, n_items)), axis=1)
    lengths = rng.integers(0, n_items + 1, size=n_people)
    lists[np.arange(n_items) >= lengths[:, None]] = -1
    truth = sparse.csr_matrix(rng.random((n_people, n_items)) < rng.random((n_people, 1)), dtype=float)
    return Ranking(lists, truth, np.ones(n_items), n_people), cutoff


def independent(measure, seen):
    """The values per person that ir_measures computes, for the people it can (those with held-out items)."""
    qrels = [ir_measures.Qrel(str(person), str(item), 1) for person, item in zip(*seen.truth.nonzero(), strict=True)]
    run = [
        ir_measures.ScoredDoc(str(person), str(item), float(-rank))
        for person, items in enumerate(seen.items)
        for rank, item in enumerate(items)
        if item >= 0 and seen.positives[person]
    ]
    values = np.full(len(seen.items), np.nan)
    if qrels:
        for found in ir_measures.iter_calc([measure], qrels, run):
            values[int(found.query_id)] = found.value
    return values


PLAIN = {
    Ndcg: nDCG,
    Recall: R,
    Precision: ir_measures.P,
    Hit: ir_measures.Success,
    ReciprocalRank: RR,
}


@pytest.mark.parametrize("metric", PLAIN)
@settings(deadline=None, max_examples=60)
@given(case=cases())
def test_an_independent_library_finds_the_same(metric, case):
    seen, cutoff = case
    expected = independent(PLAIN[metric] @ cutoff, seen)
    np.testing.assert_allclose(metric(cutoff).values(seen), expected, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(case=cases())
def test_average_precision_is_the_independent_one_with_our_divisor(case):
    seen, cutoff = case
    theirs = independent(ir_measures.AP @ cutoff, seen)
    rescale = seen.positives / np.maximum(np.minimum(seen.positives, cutoff), 1)
    np.testing.assert_allclose(AveragePrecision(cutoff).values(seen), theirs * rescale, atol=1e-9)
