"""CPU time and memory of ``top_k_dot`` beside implicit's ``recommend``, on random factors.

Run by hand: ``python benchmarks/topk.py``. Each contender works in processes of its own, in turns, so that
its peak memory is its own; CPU is user and system time of the whole process during the call, best and
median of the rounds. implicit runs with one BLAS thread, as its documentation advises; ours runs so and
with the machine's setting.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from statistics import median
from typing import Any

import implicit.cpu.als
import numpy as np
from numpy.typing import NDArray
from own_process import Cost, cost_of, in_own_process, machine
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from foretaste.solvers import top_k_dot

N_USERS = N_ITEMS = 20_000
N_FACTORS, N_SEEN, K = 64, 2_000_000, 10
ROUNDS, CALLS = 3, 3
IMPLICIT, OURS, OURS_UNLIMITED = "implicit, 1 BLAS thread", "foretaste, 1 BLAS thread", "foretaste, no limit"
Factors = NDArray[np.float32]
TopK = tuple[NDArray[Any], NDArray[Any]]  # columns, scores


def world() -> tuple[Factors, Factors, csr_matrix]:
    """Return user factors, item factors and what each user has seen."""
    rng = np.random.default_rng(0)
    users = rng.standard_normal((N_USERS, N_FACTORS), dtype=np.float32)
    items = rng.standard_normal((N_ITEMS, N_FACTORS), dtype=np.float32)
    at = rng.integers(0, N_USERS, N_SEEN), rng.integers(0, N_ITEMS, N_SEEN)
    return users, items, csr_matrix((np.ones(N_SEEN, dtype=np.float32), at), shape=(N_USERS, N_ITEMS))


def contender(name: str, users: Factors, items: Factors, seen: csr_matrix) -> Callable[[], TopK]:
    """Return the call to be measured; whatever it needs is made beforehand."""
    if name != IMPLICIT:
        return partial(top_k_dot, users, items, K, exclude=seen)
    model = implicit.cpu.als.AlternatingLeastSquares(factors=N_FACTORS)
    model.user_factors, model.item_factors = users, items
    return partial(model.recommend, np.arange(N_USERS), seen, N=K, filter_already_liked_items=True)


def measure(name: str) -> tuple[list[Cost], int]:
    """Return the costs of a few calls in this process, and the sum of the columns that they return."""
    with nullcontext() if name == OURS_UNLIMITED else threadpool_limits(1, "blas"):
        call = contender(name, *world())
        costs = [cost_of(call) for _ in range(CALLS)]
        columns, _ = call()
    return costs, int(columns.sum())


def main() -> None:
    """Print one line for each contender, and how they compare."""
    print(machine())
    print(f"top {K} of {N_ITEMS:,} items for {N_USERS:,} people, {N_FACTORS} factors, {N_SEEN:,} seen\n")
    costs: dict[str, list[list[Cost]]] = {name: [] for name in (IMPLICIT, OURS, OURS_UNLIMITED)}
    sums = set()
    for _ in range(ROUNDS):
        for name, processes in costs.items():
            calls, columns = in_own_process(measure, name)
            processes.append(calls)
            sums.add(columns)
    print(f"{'':28}{'CPU s min':>10}{'median':>8}{'ratio':>7}{'grown MB':>10}")
    reference = None
    for name, processes in costs.items():
        cpu = [one.cpu for calls in processes for one in calls]
        grown = max(max(one.peak for one in calls) - calls[0].before for calls in processes)
        reference = reference or median(cpu)
        print(f"{name:28}{min(cpu):10.2f}{median(cpu):8.2f}{median(cpu) / reference:7.2f}{grown:10.0f}")
    print("\nall return the same columns" if len(sums) == 1 else "\nNOT all return the same columns")


if __name__ == "__main__":
    main()
