"""CPU time and memory of ``top_k_dot`` beside implicit's ``recommend``, on random factors.

Run by hand: ``python benchmarks/topk.py``. Each contender works in processes of its own, in turns, so that
its peak memory is its own; CPU is user and system time of the whole process during the call, best and
median of the rounds. implicit runs with one BLAS thread, as its documentation advises; ours runs so and
with the machine's setting.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypedDict

import implicit.cpu.als
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from foretaste.solvers import top_k_dot

N_USERS = N_ITEMS = 20_000
N_FACTORS, N_SEEN, K = 64, 2_000_000, 10
ROUNDS, CALLS = 3, 3
IMPLICIT, OURS, OURS_UNLIMITED = "implicit, 1 BLAS thread", "foretaste, 1 BLAS thread", "foretaste, no limit"
Factors = NDArray[np.float32]
TopK = tuple[NDArray[Any], NDArray[Any]]  # columns, scores


class Call(TypedDict):
    """Seconds of one call."""

    cpu: float
    wall: float


class Run(TypedDict):
    """What one process measured."""

    calls: list[Call]
    grown_mb: float
    sum_of_columns: int


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


def measure(name: str) -> Run:
    """Return the figures of a few calls in this process."""
    with nullcontext() if name == OURS_UNLIMITED else threadpool_limits(1, "blas"):
        call = contender(name, *world())
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak that making the world has left
        before = _resident_mb("VmRSS")
        figures: list[Call] = []
        for _ in range(CALLS):
            start, wall = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
            columns, _ = call()
            end = resource.getrusage(resource.RUSAGE_SELF)
            cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
            figures.append({"cpu": cpu, "wall": perf_counter() - wall})
    grown = _resident_mb("VmHWM") - before
    return {"calls": figures, "grown_mb": grown, "sum_of_columns": int(columns.sum())}


def in_own_process(name: str) -> Run:
    """Measure in a fresh interpreter, whose peak memory is that of the one contender."""
    command = [sys.executable, str(Path(__file__)), name]
    run: Run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return run


def main() -> None:
    """Print one line for each contender, and how they compare."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("foretaste", "implicit", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}, {platform.platform()}, {_processor()}")
    print(f"top {K} of {N_ITEMS:,} items for {N_USERS:,} people, {N_FACTORS} factors, {N_SEEN:,} seen\n")
    results: dict[str, list[Run]] = {name: [] for name in (IMPLICIT, OURS, OURS_UNLIMITED)}
    for _ in range(ROUNDS):
        for name, runs in results.items():
            runs.append(in_own_process(name))
    print(f"{'':28}{'CPU s min':>10}{'median':>8}{'ratio':>7}{'wall s':>8}{'grown MB':>10}")
    reference = None
    for name, runs in results.items():
        cpu = [call["cpu"] for run in runs for call in run["calls"]]
        wall = median(call["wall"] for run in runs for call in run["calls"])
        reference = reference or median(cpu)
        grown = max(run["grown_mb"] for run in runs)
        ratio = median(cpu) / reference
        print(f"{name:28}{min(cpu):10.2f}{median(cpu):8.2f}{ratio:7.2f}{wall:8.2f}{grown:10.0f}")
    agreed = len({run["sum_of_columns"] for runs in results.values() for run in runs}) == 1
    print("\nall return the same columns" if agreed else "\nNOT all return the same columns")


def _resident_mb(field: str) -> float:
    """Read this process's resident memory now (VmRSS) or at its peak (VmHWM)."""
    # Not ru_maxrss: it starts from the memory of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _processor() -> str:
    found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{len(found)} x {found[0].split(':')[1].strip()}" if found else platform.machine()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
