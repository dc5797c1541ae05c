"""Damped means of ratings against plain loops."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from foretaste.solvers import rating_biases

RATINGS = csr_matrix(np.array([[5.0, 3.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def test_biases_are_damped_means_of_what_is_left() -> None:
    found = rating_biases(RATINGS, item_damping=2, user_damping=1)
    assert found.mean == 4.0
    np.testing.assert_allclose(found.item, [(1 + 0) / (2 + 2), -1 / (1 + 2), 0])
    np.testing.assert_allclose(found.user, [(5 - 4 - 1 / 4 + 3 - 4 + 1 / 3) / (2 + 1), (0 - 1 / 4) / (1 + 1), 0])


def test_a_stored_zero_is_a_rating() -> None:
    ratings = RATINGS.copy()
    ratings.data[:] = [5, 3, 0]
    assert rating_biases(ratings).mean == pytest.approx(8 / 3)


def test_without_damping_who_has_no_rating_has_no_bias() -> None:
    found = rating_biases(RATINGS, item_damping=0, user_damping=0)
    assert found.item[2] == found.user[2] == 0
    np.testing.assert_allclose(found.item[:2], [0.5, -1])


def test_nothing_rated_is_no_error() -> None:
    assert rating_biases(csr_matrix((2, 3))).mean == 0


@pytest.mark.parametrize("damping", [-1, float("inf"), False, "2"])
def test_a_damping_that_is_no_number_of_zero_or_more_is_refused(damping: Any) -> None:
    with pytest.raises(ValueError, match=f"user_damping is {damping!r}; expected a finite number of 0 or more"):
        rating_biases(RATINGS, user_damping=damping)
