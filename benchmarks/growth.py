"""How CPU time and memory of a fit grow with the rows of a pair: 0.1, 1 and 10 million.

Run by hand: ``python benchmarks/growth.py [STRATEGY ...]``; left out, ``align/ridge`` and ``align/prior`` with their
defaults. People and items grow with the rows. Each fit is in a process of its own; BLAS and implicit have one thread.
Where a strategy refuses, its words stand in the row. Prints Markdown.
"""

import sys

import numpy as np
import polars as pl
from numpy.typing import NDArray
from own_process import Cost, cost_of, in_own_process, machine
from threadpoolctl import threadpool_limits

from foretaste import Domain, Overlap, Platform, StrategyError, Transfer

STRATEGIES = ["align/ridge", "align/prior"]
ROWS = (100_000, 1_000_000, 10_000_000)
PER_PERSON, PER_ITEM, SOURCE_SHARE, TOPICS = 50, 250, 0.8, 16


def pair(rows: int) -> Transfer:
    """Return a pair of about so many rows: people have taste for topics, and the same taste in both domains."""
    rng = np.random.default_rng(20260103)
    taste = np.exp(1.5 * rng.standard_normal((rows // PER_PERSON, TOPICS), dtype=np.float32))
    taste = np.cumsum(taste / taste.sum(axis=1, keepdims=True), axis=1)
    sizes = {"source": round(SOURCE_SHARE * rows), "target": round((1 - SOURCE_SHARE) * rows)}
    made = [Domain.from_frame(drawn(taste, size, rows // PER_ITEM, rng), name) for name, size in sizes.items()]
    return Transfer.of(made[0], made[1], Overlap("users"))


def drawn(taste: NDArray[np.float32], rows: int, items: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw a topic for each row by its person's taste, then an item by its popularity within the topic."""
    activity = rng.lognormal(0, 0.7, len(taste))
    people = rng.choice(len(taste), round(1.1 * rows), p=activity / activity.sum())
    lot = rng.random(len(people), dtype=np.float32)
    topics = np.zeros(len(people), np.int64)
    for edge in taste.T[:-1]:
        topics += edge[people] < lot
    of_topic = np.exp(2 * rng.standard_normal((TOPICS, items))) / (10 + rng.permutation(items)) ** 0.8
    edges = np.cumsum(of_topic / of_topic.sum(axis=1, keepdims=True), axis=1)
    edges[:, -1] = 1.0
    places = np.searchsorted((edges + np.arange(TOPICS)[:, None]).ravel(), topics + rng.random(len(people)))
    cells = np.unique(people * items + np.minimum(places, TOPICS * items - 1) % items)
    cells = np.sort(rng.choice(cells, min(rows, len(cells)), replace=False))
    return pl.DataFrame({"user_id": cells // items, "item_id": cells % items})


def cost_of_fit(strategy: str, rows: int) -> tuple[Cost | str, int]:
    transfer = pair(rows)
    found = len(transfer.pair.source.interactions) + len(transfer.target.interactions)
    with threadpool_limits(1, "blas"):
        try:
            return cost_of(lambda: Platform().fit(strategy, transfer)), found
        except StrategyError as error:
            return str(error), found


def main() -> None:
    print(f"{machine()}\n\n| strategy | rows | fit: CPU s | CPU s per million rows | data: MB | peak: MB |")
    print("|---|---|---|---|---|---|", flush=True)
    for strategy in sys.argv[1:] or STRATEGIES:
        for rows in ROWS:
            cost, found = in_own_process(cost_of_fit, strategy, rows)
            if isinstance(cost, str):
                print(f"| `{strategy}` | {found:,} | {cost} | | | |", flush=True)
                continue
            each = cost.cpu / found * 1e6
            cells = (f"`{strategy}`", f"{found:,}", f"{cost.cpu:.1f}", f"{each:.1f}")
            print(f"| {' | '.join(cells)} | {cost.before:.0f} | {cost.peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
