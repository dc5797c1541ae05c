"""What is forecast for a young target that shares items with a large source, against what transfer then brought.

Run by hand: ``python benchmarks/forecast_items.py SOURCE.parquet TARGET.parquet [--people 20 100] [--draws 10]``, with
tables as those of ``shared_items.py``. The target is cut down to some people, others in each draw, and a random half
of their rows is hidden; the forecast is made of the other half. Measured is, by validation, the best of
``--strategies`` over the baseline that is best there. A row pools all draws, each of which has a line below it.
``--results`` is the file of ``forecast.py``, whose picture then has these points too. Prints Markdown.
"""

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray
from own_process import machine
from shared_items import HALF, HOLDOUTS, drawn
from threadpoolctl import threadpool_limits

from forecast import HEAD, Point, line
from foretaste import Experiment, Platform
from foretaste.evaluation import bootstrap_plan, paired_lift
from foretaste.forecast import Forecast

Measured = tuple[Forecast, str, NDArray[np.float64]]


def measured(source: Path, target: pl.DataFrame, asked: Namespace) -> Measured:
    """Return the forecast, which strategy is best on validation, and what each tested person gains by it."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        target.write_parquet(folder / "target.parquet")
        read = {"feedback": "explicit"} if "weight" in target.columns else {}
        if asked.items is not None:
            read["item_features"] = str(asked.items.absolute())
        strategy, *beside = asked.strategies
        experiment = Experiment.model_validate(
            {
                "domains": {
                    "source": {"path": str(source.absolute()), **read},
                    "target": {"path": "target.parquet", **read},
                },
                "transfers": [
                    {"source": "source", "target": "target", "shared": "items", "strategy": strategy, "beside": beside}
                ],
                "holdout": HOLDOUTS[HALF],
                "metrics": ["ndcg@10"],
                "refit": False,
            }
        )
        (told,) = Platform().forecast(experiment, folder=folder)
        (found,) = Platform().run(experiment, folder=folder).transfers
        best = max((found.entry(name) for name in asked.strategies), key=lambda entry: entry.validation or 0.0)
        assert best.lift is not None
        (table,) = (folder / "out/transfers").glob("*.people.parquet")
        values = pl.read_parquet(table).sort("user_id")
        mine, over = (values.filter(strategy=name)["ndcg@10"].to_numpy() for name in (best.strategy, best.lift.over))
        return told.forecast, best.strategy, mine - over


def pooled(name: str, draws: list[Measured]) -> Point:
    """Return the mean over draws of what was forecast, and over people of what was measured, with their intervals."""
    gains = np.concatenate([one for _, _, one in draws])
    lift = paired_lift(gains, bootstrap_plan(np.arange(len(gains)), seed=0))
    told = [forecast.expected[0] for forecast, _, _ in draws]
    value = float(np.mean([one.value for one in told]))
    width = float(np.sqrt(np.sum([(one.high - one.low) ** 2 for one in told]))) / 2 / len(told)
    return Point(
        pair=name,
        people=int(np.mean([forecast.people for forecast, _, _ in draws])),
        rows=float(np.mean([forecast.target_rows or 0.0 for forecast, _, _ in draws])),
        forecast=(value, value - width, value + width),
        leave_one_out=None,
        strategy=Counter(strategy for _, strategy, _ in draws).most_common(1)[0][0],
        tested=len(gains),
        measured=(lift.value, lift.low, lift.high),
    )


def main() -> None:
    parser = ArgumentParser(description="Forecasts for young targets that share items, against what was then measured.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--people", nargs="+", type=int, default=[20, 100])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--strategies", nargs="+", default=["align/similarity", "linear/ease"])
    parser.add_argument("--items", type=Path, help="a table of item_id and features of both domains' items")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    target = pl.read_parquet(asked.target)
    print(f"{machine()}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for n in asked.people:
        with threadpool_limits(1, "blas"):
            draws = [
                measured(asked.source, drawn(target, n, draw), asked)
                for draw in range(min(asked.draws, target["user_id"].n_unique() // n))
            ]
        point = pooled(f"{asked.source.stem} -> {n} people of {asked.target.stem}", draws)
        if asked.results is not None:
            with asked.results.open("a") as file:
                file.write(f"{json.dumps(asdict(point))}\n")
        print(line(point), flush=True)
        for forecast, strategy, gains in draws:
            one = forecast.expected[0]
            print(f"  {one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}] {gains.mean():+.4f} {strategy}")
        print(f"  surely a gain in {sum(forecast.go for forecast, _, _ in draws)} of {len(draws)} forecasts")


if __name__ == "__main__":
    main()
