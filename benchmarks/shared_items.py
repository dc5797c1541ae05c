"""A young target whose items stand in a large source too: what few people teach, and what the source adds.

Run by hand: ``python benchmarks/shared_items.py SOURCE.parquet TARGET.parquet [--people 20 100] [--draws 10]``. Both
tables have user_id, item_id, weight (ratings, read as strengths: each row is a preference) and timestamp, and items of
one id are one. The target is cut down to some people, other people in each draw. Of these their last item is hidden, or
a random half of their rows. Or else all that they have is trained on, all others come later and bring their history,
and the last item of theirs, where it was rated 4 or more, is looked for among all items of the target. Settings are
tuned in each draw, those of baselines too; for people who come later they are those found for last items. With
``--permuted`` the source's items are shuffled, and with ``--items`` a table of item_id and features is at hand on
either side.
Prints Markdown: ndcg@10, and the lift over EASE on the small target alone (paired bootstrap over people, 95 %).
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from own_process import machine
from threadpoolctl import threadpool_limits

from foretaste import Domain, Experiment, Features, Overlap, Platform, Recommender, Transfer
from foretaste.evaluation import bootstrap_plan, paired_lift

LAST, HALF, LATER = "last item", "random half", "last item of people who come later"
HOLDOUTS: dict[str, dict[str, Any]] = {LAST: {"kind": "last-items"}, HALF: {"kind": "random", "fraction": 0.5}}
PEER = "baseline/ease"
LIKED = 4


def drawn(target: pl.DataFrame, n: int, draw: int) -> pl.DataFrame:
    """Return the rows of n people, of others than in any other draw."""
    users = target["user_id"].unique(maintain_order=True).to_numpy()
    chosen = np.random.default_rng(n).permutation(users)[draw * n : (draw + 1) * n]
    return target.filter(pl.col("user_id").is_in(chosen))


def people(
    source: pl.DataFrame,
    target: pl.DataFrame,
    holdout: dict[str, Any],
    strategies: list[str],
    items: pl.DataFrame | None,
) -> tuple[pl.DataFrame, dict[str, dict[str, Any]]]:
    """Return each tested person's ndcg@10 (strategy, user_id, ndcg@10), and the settings found by strategy."""
    with TemporaryDirectory() as folder:
        source.write_parquet(Path(folder) / "source.parquet")
        target.write_parquet(Path(folder) / "target.parquet")
        described = {}
        if items is not None:
            items.write_parquet(Path(folder) / "items.parquet")
            described = {"item_features": "items.parquet"}
        domains = {name: {"path": f"{name}.parquet", **described} for name in ("source", "target")}
        transfer = {"source": "source", "target": "target", "shared": "items"}
        asked = {
            "domains": domains,
            "transfers": [{**transfer, "strategy": strategies[0], "beside": strategies[1:]}],
            "holdout": holdout,
            "metrics": ["ndcg@10"],
            "refit": False,
        }
        (result,) = Platform().run(Experiment.model_validate(asked), folder=Path(folder)).transfers
        (table,) = (Path(folder) / "out/transfers").glob("*.people.parquet")
        found = pl.read_parquet(table).select("strategy", "user_id", "ndcg@10")
        return found, {entry.strategy: entry.params for entry in result.leaderboard}


def later(
    source: pl.DataFrame,
    target: pl.DataFrame,
    known: pl.DataFrame,
    settings: dict[str, dict[str, Any]],
    items: pl.DataFrame | None,
) -> pl.DataFrame:
    """Return the same for all who are not known yet. Every item of the target is on its shelf from the start."""
    whole = Transfer.of(domain(source, "source", items), domain(target, "target", items), Overlap("items"))
    rows = whole.target.interactions
    ours = rows.users.rows(known["user_id"].unique())
    train = whole.replaced(target=rows.take(np.isin(rows.user_rows, ours)))
    strangers = target.join(known, "user_id", "anti").sort("timestamp", maintain_order=True)
    found = []
    for name, params in settings.items():
        model = Platform().fit(name, train, params)
        found += [(name, who, gain) for who, gain in gains(model, strangers)]
    return pl.DataFrame(found, ["strategy", "user_id", "ndcg@10"], orient="row")


def domain(rows: pl.DataFrame, name: str, items: pl.DataFrame | None) -> Domain:
    found = Domain.from_frame(rows, name)
    if items is None:
        return found
    described = Features.from_frame(items, found.interactions.items, "item_id", {}, "items")
    return replace(found, item_features=described)


def gains(model: Recommender, strangers: pl.DataFrame) -> Iterator[tuple[Any, float]]:
    """Yield the ndcg@10 of each person who liked their last item, from all that they did before it."""
    for (who,), rows in strangers.group_by("user_id", maintain_order=True):
        *items, last = rows["item_id"].to_list()
        *ratings, rating = rows["weight"].to_list()
        if rating >= LIKED:
            best = model.recommend_for({"target": (items, ratings)}, 10).items
            yield who, 1 / np.log2(2 + list(best).index(last)) if last in best else 0.0


def lines(table: pl.DataFrame) -> list[str]:
    table = table.sort("strategy", "user_id", "draw")
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
    parser.add_argument("--items", type=Path, help="a table of item_id and features of both domains' items")
    parser.add_argument("--permuted", action="store_true")
    asked = parser.parse_args()
    source, target = pl.read_parquet(asked.source), pl.read_parquet(asked.target)
    items = None if asked.items is None else pl.read_parquet(asked.items)
    if asked.permuted:
        ids = source["item_id"].unique(maintain_order=True)
        shuffled = ids.sample(fraction=1, shuffle=True, seed=0)
        source = source.with_columns(pl.col("item_id").replace(ids, shuffled))
    print(f"{machine()}\n\n| people | hidden | tested | strategy | ndcg@10 | lift over `{PEER}` |\n|{'---|' * 6}")
    for n in asked.people:
        tables: dict[str, list[pl.DataFrame]] = {LAST: [], LATER: [], HALF: []}
        for draw in range(min(asked.draws, target["user_id"].n_unique() // n)):
            known, mark = drawn(target, n, draw), pl.lit(draw).alias("draw")
            with threadpool_limits(1, "blas"):
                for hidden, holdout in HOLDOUTS.items():
                    found, settings = people(source, known, holdout, asked.strategies, items)
                    tables[hidden].append(found.with_columns(mark))
                    if hidden == LAST:
                        tables[LATER].append(later(source, target, known, settings, items).with_columns(mark))
        for hidden, parts in tables.items():
            table = pl.concat(parts)
            for line in lines(table):
                print(f"| {n} | {hidden} | {table.filter(strategy=PEER).height:,} | {line}", flush=True)


if __name__ == "__main__":
    main()
