"""A shop that has foretaste inside: it hands over its own tables, keeps its own record, and serves from a bundle.

``python app.py train out`` learns what readers of books may want among films; ``python app.py serve out`` is another
process, which needs foretaste alone: neither the tables nor the packages that training used.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from foretaste import (
    Domain,
    DomainSpec,
    Experiment,
    Platform,
    Recommender,
    TransferResult,
    UnknownIdError,
    hookimpl,
    load_bundle,
)

GENRES = ("crime", "nature", "space")
EXPERIMENT = {
    "domains": {"books": {"kind": "shop"}, "films": {"kind": "shop"}},
    "transfers": [{"source": "books", "target": "films", "shared": "users", "strategy": "linear/naive-bayes"}],
    "metrics": ["ndcg@5", "coverage@5"],
    "seed": 7,
}


class Shop:
    """The host as a plugin in hand: its tables by name, and what it noted of finished transfers."""

    foretaste_api = 1

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        self.tables = tables
        self.verdicts: list[str] = []

    @hookimpl
    def load_domain(self, name: str, spec: DomainSpec) -> Domain | None:
        """Hand over a table; its columns have the shop's own names."""
        if spec.kind != "shop":
            return None
        return Domain.from_frame(self.tables[name], name, columns={"user_id": "customer", "item_id": "sku"})

    @hookimpl
    def run_finished(self, result: TransferResult) -> None:
        """Note what came out."""
        for entry in result.leaderboard:
            lift = f"{entry.lift.value:+.3f}" if entry.lift else "     -"
            chosen = "  (handed on)" if entry.strategy == result.chosen else ""
            self.verdicts.append(f"{entry.strategy:20} {lift}  {entry.verdict}{chosen}")


def sales(people: int = 300, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Make up who bought what: everybody likes one genre; every tenth customer has not bought a film yet."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[tuple[str, str]]] = {"books": [], "films": []}
    for person in range(people):
        for table, bought, titles in (("books", 10, 40), ("films", 5, 20)):
            if table == "films" and person % 10 == 0:
                continue
            for _ in range(bought):
                genre = GENRES[person % 3] if rng.random() < 0.8 else rng.choice(GENRES)
                rows[table].append((f"customer-{person}", f"{genre}-{table[:-1]}-{rng.integers(titles)}"))
    return {name: pl.DataFrame(bought, schema=["customer", "sku"], orient="row") for name, bought in rows.items()}


def train(folder: Path) -> list[str]:
    """Measure what can be carried from books to films, leave a bundle, and return the shop's record."""
    shop = Shop(sales())
    platform = Platform(plugins=[shop])
    # an equal run would be resumed, and a transfer that was finished before is not finished again
    platform.run(Experiment.model_validate(EXPERIMENT), folder=folder, output=folder, new=True)
    return shop.verdicts


def serve(folder: Path) -> Iterator[str]:
    """Answer customers, a stranger's basket and nobody known, as a web server would: from several threads."""
    recommender = load_bundle(folder / "bundles" / "books__films")
    customers = ["customer-1", "customer-20", "customer-30", "a passer-by"]
    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(lambda customer: answer(recommender, customer), customers)
    basket = ["space-book-3", "space-book-8", "a book we never sold"]
    found = recommender.recommend_for({"books": basket}, k=3)
    yield f"a basket of space books ({found.path}): {', '.join(found.items)}"
    try:
        recommender.recommend(["a passer-by"], on_unknown="error")
    except UnknownIdError as error:
        yield f"on_unknown='error': {error}"


def answer(recommender: Recommender, customer: str) -> str:
    """Return one customer's list; ``path`` says how it came about."""
    (found,) = recommender.recommend([customer], k=3)
    return f"{customer} ({found.path}): {', '.join(found.items)}"


if __name__ == "__main__":
    steps = {"train": train, "serve": serve}
    if len(sys.argv) != 3 or sys.argv[1] not in steps:
        sys.exit("usage: python app.py train|serve FOLDER")
    for line in steps[sys.argv[1]](Path(sys.argv[2])):
        print(line)
