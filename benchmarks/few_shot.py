"""``align/prior`` against its limits where people have 1, 3 or 10 target rows: it should never be much worse.

Run by hand: ``python benchmarks/few_shot.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; left out, the
pairs of ``examples/grocery``. An endless precision leaves the mapped vector alone, none the own vector alone; all else
is tuned alike, on validation people with as many visible rows. The same people and test rows serve all numbers of
visible rows. Beside the prior stands what a run hands on: the prior, guarded. Prints Markdown: ndcg@10, and by how much
each is above each limit, in percent of it (paired bootstrap over people, 95 %). It holds where no interval reaches
below -2 %; those that do are in bold. With ``--no-limits --strategies linear/ease ...`` these strategies stand beside
the baselines alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from own_process import machine
from pairs import arguments, experiments
from pydantic import Field
from threadpoolctl import threadpool_limits

from foretaste import DataError, Experiment, Platform, Strategy, hookimpl
from foretaste.evaluation import Interval, bootstrap_plan, paired_lift
from foretaste_align._prior import Prior

MARGIN = -0.02
BASELINES = ("baseline/popular", "baseline/als", "baseline/ease")
GUARDED = "handed on"
LIMITS = ("`align/prior`", "guarded", "mapped alone", "own alone")
GAINS = ("over mapped", "over own", "guarded over mapped", "guarded over own")


def without_precision(settings: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], ...]:
    return tuple({name: value for name, value in one.items() if name != "prior_precision"} for one in settings)


class Mapped(Prior):
    """The mapped vector, whatever people have themselves."""

    name: ClassVar[str] = "limits/mapped"
    settings: ClassVar[tuple[Mapping[str, object], ...]] = without_precision(Prior.settings)
    prior_precision: Annotated[float, Field(gt=0)] = 1e6


class Own(Mapped):
    """What people's own rows say, whatever the source says."""

    name: ClassVar[str] = "limits/own"
    prior_precision: Annotated[float, Field(gt=0)] = 1e-3


class Limits:
    """The plugin that brings them."""

    name = "limits"
    foretaste_api = 1

    @hookimpl
    def register_strategies(self) -> list[type[Strategy]]:
        """Return the two limits."""
        return [Mapped, Own]


def people(experiment: Experiment, folder: Path, strategies: Sequence[str]) -> pl.DataFrame:
    """Return each tested person's ndcg@10: strategy, repeat, user_id, ndcg@10."""
    compared = {"strategy": strategies[0], "beside": list(strategies[1:])}
    spec = experiment.transfers[0].model_copy(update=compared)
    asked = experiment.model_copy(update={"transfers": [spec], "metrics": ["ndcg@10"]})
    host = Platform([*asked.plugins, Limits()], asked.block, folder=folder)
    with TemporaryDirectory() as output, threadpool_limits(1, "blas"):
        host.run(asked, folder=folder, output=Path(output))
        (table,) = (Path(output) / "transfers").glob("*.people.parquet")
        return pl.read_parquet(table).sort("strategy", "repeat", "user_id")


def relative(mine: NDArray[np.float64], limit: NDArray[np.float64], who: NDArray[np.int64]) -> Interval:
    """Return the mean gain over a limit as a share of the limit's mean."""
    found, mean = paired_lift(mine - limit, bootstrap_plan(who, seed=0)), float(limit.mean())
    return Interval(found.value / mean, found.low / mean, found.high / mean, found.p)


def said(found: Interval) -> str:
    text = f"{found.value:+.1%} [{found.low:+.1%}, {found.high:+.1%}]"
    return text if found.low > MARGIN else f"**{text}**"


def cells(table: pl.DataFrame, limits: Sequence[str], beside: Sequence[str]) -> list[str]:
    parts = {str(name): part for (name,), part in table.group_by("strategy")}
    values = {name: part["ndcg@10"].to_numpy() for name, part in parts.items()}
    _, who = np.unique(parts[BASELINES[0]]["user_id"].to_numpy(), return_inverse=True)
    compared = [(mine, name) for mine in limits[:2] for name in limits[2:]]
    gains = [said(relative(values[mine], values[name], who)) for mine, name in compared]
    figures, others = ([f"{values[name].mean():.4f}" for name in some] for some in (limits, (*BASELINES, *beside)))
    return [f"{len(who):,}", *figures, *gains, *others]


def main() -> None:
    asked = arguments("align/prior against its limits.", [])
    limits = () if asked.no_limits else (Prior.name, GUARDED, Mapped.name, Own.name)
    others = (f"`{name}`" for name in (*BASELINES, *asked.strategies))
    head = ("pair", "rows visible", "people", *((*LIMITS, *GAINS) if limits else ()), *others)
    print(f"{machine()}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for experiment, folder in experiments(asked):
        if experiment.holdout.kind != "newcomers":
            raise SystemExit("few-shot people are newcomers with visible rows; found another kind of hold-out")
        spec = experiment.transfers[0]
        for visible in asked.visible:
            holdout = experiment.holdout.model_copy(update={"visible": visible, "levels": asked.visible})
            one = experiment.model_copy(update={"holdout": holdout})
            row = [f"{'+'.join(spec.sources)} -> {spec.target}", str(visible)]
            try:
                fitted = [name for name in (*limits, *asked.strategies) if name != GUARDED]
                row += cells(people(one, folder, fitted), limits, asked.strategies)
            except DataError as error:
                row.append(str(error))
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
