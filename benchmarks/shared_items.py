"""A young target whose items stand in a large source too: what few people teach, and what the source adds.

Run by hand: ``python benchmarks/shared_items.py SOURCE.parquet TARGET.parquet [--people 20 100] [--draws 10]``. Both
tables have user_id, item_id, weight (ratings: 4 and more are preferences) and timestamp, and items of one id are one.
The target is cut down to some people, drawn anew several times; of each, their last item is hidden, or a random half
of their rows. Settings are tuned in each draw, those of baselines too. Prints Markdown: ndcg@10 over all items of the
small target, and the lift over EASE on it alone (paired bootstrap over people, 95 %).
"""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from own_process import machine
from threadpoolctl import threadpool_limits

from foretaste import Experiment, Platform
from foretaste.evaluation import bootstrap_plan, paired_lift

HOLDOUTS: dict[str, dict[str, Any]] = {
    "last item": {"kind": "last-items"},
    "random half": {"kind": "random", "fraction": 0.5},
}
PEER = "baseline/ease"


def drawn(target: pl.DataFrame, n: int, draw: int) -> pl.DataFrame:
    users = target["user_id"].unique(maintain_order=True).to_numpy()
    return target.filter(pl.col("user_id").is_in(np.random.default_rng([n, draw]).choice(users, n, replace=False)))


def people(source: Path, target: pl.DataFrame, holdout: dict[str, Any], strategies: list[str]) -> pl.DataFrame:
    """Return each tested person's ndcg@10: strategy, user_id, ndcg@10."""
    with TemporaryDirectory() as folder, threadpool_limits(1, "blas"):
        target.write_parquet(Path(folder) / "target.parquet")
        transfer = {"source": "source", "target": "target", "shared": "items"}
        asked = {
            "domains": {"source": {"path": str(source.absolute())}, "target": {"path": "target.parquet"}},
            "transfers": [{**transfer, "strategy": strategies[0], "beside": strategies[1:]}],
            "holdout": holdout,
            "metrics": ["ndcg@10"],
            "refit": False,
        }
        Platform().run(Experiment.model_validate(asked), folder=Path(folder))
        (table,) = (Path(folder) / "out/transfers").glob("*.people.parquet")
        return pl.read_parquet(table).sort("strategy", "user_id")


def lines(table: pl.DataFrame) -> list[str]:
    parts = {str(name): part for (name,), part in table.group_by("strategy", maintain_order=True)}
    peer = parts[PEER]["ndcg@10"].to_numpy()
    _, who = np.unique(parts[PEER]["user_id"].to_numpy(), return_inverse=True)
    plan = bootstrap_plan(who, seed=0)
    found = []
    for name, part in parts.items():
        mine = part["ndcg@10"].to_numpy()
        lift = paired_lift(mine - peer, plan)
        said = "" if name == PEER else f"{lift.value:+.4f} [{lift.low:+.4f}, {lift.high:+.4f}]"
        found.append(f"`{name}` | {mine.mean():.4f} | {said} |")
    return found


def main() -> None:
    parser = ArgumentParser(description="A young target that shares items with a large source.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--people", nargs="+", type=int, default=[20, 100])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--strategies", nargs="+", default=["align/similarity"])
    asked = parser.parse_args()
    target = pl.read_parquet(asked.target)
    print(f"{machine()}\n\n| people | hidden | tested | strategy | ndcg@10 | lift over `{PEER}` |\n|{'---|' * 6}")
    for n in asked.people:
        for hidden, holdout in HOLDOUTS.items():
            draws = range(asked.draws)
            table = pl.concat([people(asked.source, drawn(target, n, d), holdout, asked.strategies) for d in draws])
            tested = table.filter(strategy=PEER).height
            for line in lines(table):
                print(f"| {n} | {hidden} | {tested:,} | {line}", flush=True)


if __name__ == "__main__":
    main()
