import numpy as np
import pytest
from scipy import sparse

from foretaste_align._nearest import nearest


@pytest.mark.parametrize("neighbours", [1, 2, 9])
def test_the_nearest_are_the_largest_cosines_above_the_threshold(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    cosines = rng.random((5, 7)).astype(np.float32)
    found = nearest(sparse.csr_matrix(cosines.T), sparse.identity(5, np.float32, format="csr"), neighbours, 0.3)
    for row, mine in zip(cosines, found.toarray(), strict=True):
        expected = sorted((value for value in row if value >= 0.3), reverse=True)[:neighbours]
        np.testing.assert_allclose(sorted(mine[mine > 0], reverse=True), expected)
