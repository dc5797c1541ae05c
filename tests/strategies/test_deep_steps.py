"""What makes a training step cheap changes nothing of what it computes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")

from foretaste_deep._adam import Adam, Group  # noqa: E402 - torch may be missing
from foretaste_deep._bags import bag  # noqa: E402
from foretaste_deep._histories import masked  # noqa: E402
from foretaste_deep._losses import Items  # noqa: E402


def histories(rng: np.random.Generator) -> sparse.csr_matrix:
    dense = (rng.random((7, 5)) < 0.5).astype(np.float32)
    dense[2], dense[:, 3] = 0, 0  # somebody without a history, and an item that nobody had
    return sparse.csr_matrix(dense)


@pytest.mark.parametrize("sparse_gradient", [False, True], ids=["whole", "touched rows"])
def test_a_sum_over_histories_and_its_gradient_are_those_of_a_matrix_product(sparse_gradient: bool) -> None:
    rng = np.random.default_rng(0)
    had, weights = histories(rng), rng.random(5).astype(np.float32)
    table = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    towards = torch.randn(3, 7, generator=torch.Generator().manual_seed(1)).T  # and not contiguous
    found = bag(had, weights, torch.device("cpu")).summed(table, sparse_gradient=sparse_gradient)
    (mine,) = torch.autograd.grad(found, table, towards)
    dense = torch.from_numpy(had.toarray() * weights)
    torch.testing.assert_close(found, dense @ table)
    torch.testing.assert_close(mine.to_dense(), dense.T @ towards)


def test_a_table_that_stands_still_has_no_gradient_of_a_sum() -> None:
    had = histories(np.random.default_rng(0))
    found = bag(had, np.ones(5, np.float32), torch.device("cpu")).summed(torch.ones(5, 3))
    assert not found.requires_grad


@pytest.mark.parametrize("home", [None, 2.0], ids=["to zero", "to where it was"])
def test_what_draws_a_parameter_is_as_if_the_loss_had_it(home: float | None) -> None:
    began = torch.linspace(-1, 1, 6)
    mine, other = (torch.nn.Parameter(began.clone()) for _ in range(2))
    where = torch.full((6,), home or 0.0)
    drawn = Adam([Group([mine], 0.1, pull=0.3, home=[] if home is None else [where])])
    plain = Adam([Group([other], 0.1)])
    for step in range(4):
        for adam, one, cost in (
            (drawn, mine, (mine * step).sum()),
            (plain, other, (other * step).sum() + 0.3 * ((other - where) ** 2).sum()),
        ):
            adam.begin(0, 1.0)
            adam.forget()
            cost.backward()
            adam.step(1e9)
            assert not torch.equal(one, began)
    torch.testing.assert_close(mine, other)


def test_a_pull_is_no_part_of_the_gradient_that_is_shortened() -> None:
    one = torch.nn.Parameter(torch.zeros(1))
    adam = Adam([Group([one], 0.1, pull=10.0, home=[torch.full((1,), 2.0)])])
    one.grad = torch.full((1,), 100.0)
    adam.step(5.0)
    assert one.grad.item() == pytest.approx(5.0 - 2 * 10.0 * 2.0)


def test_parameters_without_numbers_are_passed_over() -> None:
    one, empty = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(3, 0))
    adam = Adam([Group([empty], 0.1), Group([empty, one], 0.1, home=[torch.zeros(3, 0), torch.zeros(1)])])
    assert [p is one for p in adam.parameters] == [True]


@pytest.mark.parametrize("touched", [False, True], ids=["whole", "touched rows"])
def test_items_that_are_looked_up_together_are_those_looked_up_by_themselves(touched: bool) -> None:
    items = Items(torch.randn(6, 2), torch.randn(6), sparse=touched)
    first, second = torch.tensor([4, 0]), torch.tensor([1, 1, 5])
    for found, rows in zip(items.some(first, second), (first, second), strict=True):
        assert torch.equal(found.vectors, items.vectors[rows])
        assert torch.equal(found.bias, items.bias[rows])


def test_entries_that_are_kept_of_rows_stay_in_their_rows() -> None:
    rng = np.random.default_rng(3)
    had = histories(rng)
    keep = rng.random(had.nnz) < 0.5
    expected = sparse.coo_matrix(had)
    rows, columns = expected.row[keep], expected.col[keep]
    found = masked(had, keep)
    assert found.has_canonical_format
    np.testing.assert_array_equal(
        found.toarray(), sparse.csr_matrix((had.data[keep], (rows, columns)), had.shape).toarray()
    )
