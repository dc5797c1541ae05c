from __future__ import annotations

import numpy as np
import pytest

from foretaste.metrics import MeanAbsoluteError, Ratings, RootMeanSquaredError

# person 0 is off by 3 and 1, person 2 by 2, person 1 has no rows
SEEN = Ratings(np.array([1.0, 4.0, 5.0]), np.array([4.0, 3.0, 3.0]), np.array([0, 0, 2]), 3)
NOBODY = Ratings(np.empty(0), np.empty(0), np.empty(0, np.int64), 2)
BOTH = [MeanAbsoluteError, RootMeanSquaredError]


def test_mae_of_a_person_is_the_mean_absolute_error_of_their_rows():
    np.testing.assert_allclose(MeanAbsoluteError().values(SEEN), [2, np.nan, 2])


def test_rmse_of_a_person_is_the_root_mean_square_of_their_rows():
    np.testing.assert_allclose(RootMeanSquaredError().values(SEEN), [np.sqrt(5), np.nan, 2])


def test_mae_of_all_is_over_rows():
    metric = MeanAbsoluteError()
    assert metric.aggregate(metric.values(SEEN), SEEN) == pytest.approx((3 + 1 + 2) / 3)


def test_rmse_of_all_is_over_rows_and_not_the_mean_over_people():
    metric = RootMeanSquaredError()
    assert metric.aggregate(metric.values(SEEN), SEEN) == pytest.approx(np.sqrt((9 + 1 + 4) / 3))


@pytest.mark.parametrize("metric", BOTH)
def test_without_rows_everything_is_undefined(metric):
    values = metric().values(NOBODY)
    assert np.isnan(values).all()
    assert np.isnan(metric().aggregate(values, NOBODY))


@pytest.mark.parametrize("metric", BOTH)
def test_a_person_at_the_end_without_rows_has_a_place(metric):
    assert len(metric().values(Ratings(np.ones(1), np.ones(1), np.array([0]), 4))) == 4


@pytest.mark.parametrize("metric", BOTH)
def test_a_lower_error_is_better(metric):
    assert not metric.higher_is_better
