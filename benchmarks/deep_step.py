"""A step of deep training beside a bare PyTorch loop that does the same maths: CPU seconds, and their ratio.

Run by hand: ``python benchmarks/deep_step.py``. 2 million parameters (vectors of people and items), batches of 2,048
people with one item each, BPR, fused Adam, one thread. The two take turns; printed is the median of the turns, and of
their ratios. Training draws negatives that nobody prefers, clips gradients, asks whether it was cancelled, tells of its
progress and keeps the best weights; the bare loop does none of that.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from own_process import machine
from scipy import sparse
from torch.nn.functional import softplus

from foretaste import Context
from foretaste_deep._losses import Items, ranking_loss
from foretaste_deep._pretraining import PeopleTable
from foretaste_deep._training import Group, Schedule, train

PEOPLE, ITEMS, FACTORS, BATCH, STEPS, TURNS = 20_480, 11_000, 64, 2048, 100, 15


def main() -> None:
    torch.set_num_threads(1)
    columns = np.random.default_rng(0).integers(0, ITEMS, PEOPLE)
    had = sparse.csr_matrix((np.ones(PEOPLE, np.float32), columns, np.arange(PEOPLE + 1)), (PEOPLE, ITEMS))
    bare, ours = [], []
    for _ in range(TURNS):
        bare.append(seconds(lambda: bare_loop(torch.from_numpy(columns))))
        ours.append(seconds(lambda: training(had)))
    print(machine())
    each = [1000 * median(one) / STEPS for one in (bare, ours)]
    ratio = median(b / a for a, b in zip(bare, ours, strict=True))
    print(f"a step: bare loop {each[0]:.2f} ms, training {each[1]:.2f} ms, ratio {ratio:.2f}")


def seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def table(had: torch.Tensor) -> PeopleTable:
    popularity = np.bincount(had.numpy(), minlength=ITEMS)
    return PeopleTable(PEOPLE, popularity, FACTORS, torch.Generator().manual_seed(0))


def bare_loop(had: torch.Tensor) -> None:
    model, drawn = table(had), torch.Generator().manual_seed(1)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    order = torch.randint(0, PEOPLE, (STEPS * BATCH,), generator=drawn)
    for people in order.view(STEPS, BATCH):
        mine, other = had[people], torch.randint(0, ITEMS, (len(people),), generator=drawn)
        vectors = model.people.index_select(0, people)
        adam.zero_grad()
        loss = softplus(score(model, vectors, other) - score(model, vectors, mine)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()


def score(model: PeopleTable, vectors: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return (vectors * model.items.index_select(0, rows)).sum(1) + model.bias.index_select(0, rows)


def training(had: sparse.csr_matrix) -> None:
    model, rng = table(torch.from_numpy(had.indices)), np.random.default_rng(1)

    def cost(people: np.ndarray) -> torch.Tensor:
        vectors, items = model.people.index_select(0, torch.from_numpy(people)), Items(model.items, model.bias)
        return ranking_loss("bpr", vectors, items, had[people], 1, rng)

    groups = [Group(list(model.parameters()), 1e-3)]
    people = rng.integers(0, PEOPLE, STEPS * BATCH)
    train("a step", model, cost, people, groups, Schedule(1, BATCH), rng, Context(device="cpu"))


if __name__ == "__main__":
    main()
