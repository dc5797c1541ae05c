from __future__ import annotations

import numpy as np
import pytest

from foretaste.evaluation import _intervals
from foretaste.evaluation._intervals import (
    Interval,
    bootstrap_plan,
    holm,
    paired_lift,
    paired_lifts,
    verdict,
)


def plan_for(n_people, draws=2_000, seed=0):
    return bootstrap_plan(np.arange(n_people), draws=draws, seed=seed)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_value_is_the_mean_over_rows():
    differences = normal(30)
    assert paired_lift(differences, plan_for(30)).value == differences.mean()


def test_the_interval_is_close_to_the_normal_one_for_many_people():
    differences = normal(2_000)
    found = paired_lift(differences, plan_for(2_000, draws=4_000))
    half = 1.96 * differences.std() / np.sqrt(2_000)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.08 * half)


def test_the_interval_holds_the_truth_in_about_95_of_100_worlds():
    worlds = normal(1_000, 60, seed=3) + 0.3
    intervals = paired_lifts(worlds, plan_for(60))
    held = np.mean([found.low <= 0.3 <= found.high for found in intervals])
    assert 0.92 <= held <= 0.97


def test_p_is_below_5_percent_in_about_5_of_100_worlds_without_an_effect():
    intervals = paired_lifts(normal(1_000, 60, seed=4), plan_for(60))
    assert 0.03 <= np.mean([found.p < 0.05 for found in intervals]) <= 0.08


def test_the_rows_of_a_person_are_one_piece_of_evidence():
    once = normal(40)
    people = np.tile(np.arange(40), 5)
    repeated = paired_lift(np.tile(once, 5), bootstrap_plan(people, draws=2_000, seed=0))
    alone = paired_lift(once, plan_for(40))
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high))


def test_a_person_with_more_rows_weighs_more():
    plan = bootstrap_plan(np.array([4, 4, 4, 9]), draws=4_000, seed=0)
    found = paired_lift(np.array([1.0, 1.0, 1.0, 0.0]), plan)
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)


def test_people_may_be_numbered_with_gaps():
    differences = normal(10)
    gaps = bootstrap_plan(np.arange(10) * 7 + 3, draws=500, seed=0)
    assert paired_lift(differences, gaps) == paired_lift(differences, plan_for(10, draws=500))


def test_the_same_seed_gives_the_same_interval():
    differences = normal(50)
    assert paired_lift(differences, plan_for(50)) == paired_lift(differences, plan_for(50))


def test_another_seed_gives_other_draws():
    differences = normal(50)
    assert paired_lift(differences, plan_for(50)) != paired_lift(differences, plan_for(50, seed=1))


def test_strategies_meet_the_same_draws_together_and_apart():
    differences = normal(3, 50)
    together = paired_lifts(differences, plan_for(50))
    for row, found in zip(differences, together, strict=True):
        apart = paired_lift(row, plan_for(50))
        assert (found.low, found.high, found.p) == pytest.approx((apart.low, apart.high, apart.p), abs=1e-12)


def test_memory_is_bounded_without_changing_the_draws(monkeypatch):
    differences = normal(20)
    whole = paired_lift(differences, plan_for(20))
    monkeypatch.setattr(_intervals, "_CHUNK_CELLS", 70)
    assert max(chunk.size for chunk in plan_for(20).counts()) <= 70
    assert paired_lift(differences, plan_for(20)).p == whole.p


def test_every_draw_takes_as_many_people_as_there_are():
    for counts in plan_for(7, draws=100).counts():
        assert (counts.sum(axis=1) == 7).all()


def test_a_mirrored_difference_has_the_mirrored_interval_and_the_same_p():
    up, down = paired_lifts(np.stack([normal(40) + 0.2, -normal(40) - 0.2]), plan_for(40))
    assert (down.value, down.low, down.high, down.p) == pytest.approx((-up.value, -up.high, -up.low, up.p))


def test_p_is_never_zero():
    assert paired_lift(np.full(50, 1.0), plan_for(50, draws=999)).p == 2 / 1000


def test_no_difference_at_all_is_no_evidence():
    assert paired_lift(np.zeros(20), plan_for(20)) == Interval(0.0, 0.0, 0.0, 1.0)


def test_one_person_is_no_evidence_whatever_the_difference():
    assert paired_lift(np.array([0.5]), plan_for(1)) == Interval(0.5, 0.5, 0.5, 1.0)


def test_five_people_are_too_few_however_alike_they_are():
    assert paired_lift(np.full(5, 0.5), plan_for(5)).p == 1 / 16


def test_draws_that_cancel_out_count_as_zero_despite_rounding():
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in floating point
    plan = bootstrap_plan(np.zeros(3, np.int64), draws=100, seed=0)
    found = paired_lift(np.array([0.1, 0.2, -0.3]), plan)
    assert (found.low, found.high) == (0.0, 0.0)


def test_no_strategies_have_no_intervals():
    assert paired_lifts(np.empty((0, 5)), plan_for(5)) == []


def test_nobody_is_an_error():
    with pytest.raises(ValueError, match="people is empty"):
        plan_for(0)


def test_no_draws_is_an_error():
    with pytest.raises(ValueError, match="draws must be at least 1, found 0"):
        plan_for(3, draws=0)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_an_undefined_difference_is_an_error(odd):
    with pytest.raises(ValueError, match="NaN or infinite"):
        paired_lift(np.array([0.1, odd]), plan_for(2))


def test_differences_of_other_rows_than_the_plans_are_an_error():
    with pytest.raises(ValueError, match=r"expected \(strategies, 3\) differences, found \(1, 4\)"):
        paired_lift(np.zeros(4), plan_for(3))


def test_holm_by_hand():
    # sorted .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04, and never falling: .04 .06 .06 .06
    assert holm([0.04, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_never_exceeds_one():
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_holm_leaves_a_single_p_alone():
    assert holm([0.03]).tolist() == [0.03]


def test_holm_of_nothing_is_nothing():
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("low", "high", "adjusted_p", "said"),
    [
        (0.01, 0.03, 0.04, "helps"),
        (-0.03, -0.01, 0.04, "hurts"),
        (0.01, 0.03, 0.05, "no evidence"),
        (-0.03, -0.01, 0.05, "no evidence"),
        (0.0, 0.03, 0.04, "no evidence"),
        (-0.01, 0.03, 0.04, "no evidence"),
    ],
)
def test_a_verdict_needs_the_interval_and_the_adjusted_p(low, high, adjusted_p, said):
    assert verdict(Interval((low + high) / 2, low, high, 0.01), adjusted_p) == said
