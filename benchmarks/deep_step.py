"""A step of deep training beside a bare PyTorch loop that does the same maths: CPU seconds, and their ratio.

Run by hand: ``python benchmarks/deep_step.py``. 2 million parameters (vectors of people and items), batches of 2,048
people with one item each, BPR, fused Adam, one thread. The two take turns; printed is the median of the turns, and of
their ratios. Training draws negatives that nobody prefers, clips gradients, asks whether it was cancelled, tells of its
progress and keeps the best weights; the bare loop does none of that.

Then what sparse updates are worth where a catalogue is large: pretraining of a tower over half a million items (64
million parameters), 256 people with 20 items in a step, all rows moved and only those that a step touched.
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
from foretaste_deep._adam import Group
from foretaste_deep._bags import Bags
from foretaste_deep._decoder import Decoder
from foretaste_deep._losses import ranking_loss
from foretaste_deep._pretraining import PeopleTable
from foretaste_deep._tower import HistoryTower
from foretaste_deep._training import Schedule, train

PEOPLE, ITEMS, FACTORS, BATCH, STEPS, TURNS = 20_480, 11_000, 64, 2048, 300, 9
MANY, FEW_PEOPLE, LENGTH, FEW_STEPS = 500_000, 256, 20, 10


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
    whole, touched = (1000 * median(of_many_items(few) for _ in range(3)) / FEW_STEPS for few in (False, True))
    print(
        f"of {MANY:,} items: whole tables {whole:.0f} ms, sparse updates {touched:.0f} ms, ratio {touched / whole:.2f}"
    )


def seconds(work: Callable[[], object]) -> float:
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
    return (vectors * model.decoder.items.index_select(0, rows)).sum(1) + model.decoder.bias.index_select(0, rows)


def training(had: sparse.csr_matrix) -> None:
    model, rng = table(torch.from_numpy(had.indices)), np.random.default_rng(1)

    def cost(people: np.ndarray) -> torch.Tensor:
        vectors = model.vectors(torch.from_numpy(people))
        return ranking_loss("bpr", vectors, model.decoder.ranked(), had[people], 1, rng)

    groups = [Group(list(model.parameters()), 1e-3)]
    people = rng.integers(0, PEOPLE, STEPS * BATCH)
    train("a step", model, cost, people, groups, Schedule(1, BATCH), rng, Context(device="cpu"))


def of_many_items(sparse_updates: bool) -> float:
    """Return the CPU seconds of some steps over a large catalogue."""
    rng = np.random.default_rng(2)
    had = sparse.random_array((FEW_PEOPLE, MANY), density=LENGTH / MANY, format="csr", dtype=np.float32, rng=rng)
    had = sparse.csr_matrix(had)
    tower = HistoryTower(MANY, FACTORS, 0, torch.Generator().manual_seed(0))
    decoder = Decoder(FACTORS, had.getnnz(axis=0))
    tower.sparse = decoder.sparse = sparse_updates
    bags, weights = Bags(had, np.ones(MANY, np.float32)), [tower.items, decoder.items]

    def cost(people: np.ndarray) -> torch.Tensor:
        vectors = tower(bags.of(people, torch.device("cpu"), rng, 0.5))
        return ranking_loss("softmax", vectors, decoder.ranked(), had[people], 1000, rng)

    groups = [Group(weights, 1e-3, sparse=sparse_updates), Group([decoder.bias, *tower.layers()], 1e-3)]
    model, people = torch.nn.ModuleList([tower, decoder]), np.tile(np.arange(FEW_PEOPLE), FEW_STEPS)
    how = Schedule(1, FEW_PEOPLE)
    return seconds(lambda: train("many", model, cost, people, groups, how, rng, Context(device="cpu")))


if __name__ == "__main__":
    main()
