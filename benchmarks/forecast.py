"""What `foretaste facts` forecasts for newcomers, against what transfer then brought: one point for each pair.

Run by hand: ``python benchmarks/forecast.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; left out,
groceries to each other department of the Complete Journey with 500 shared households. Measured is, by validation, the
better of ``align/ridge`` and ``linear/naive-bayes``, four settings tried, over popularity, for the newcomers of all
repeats; the forecast is made of the training data of the first. ``--results FILE`` keeps a line for each pair, and what
is there is not measured again, but forecast anew with ``--again``; ``--picture FILE`` draws all that it holds. Prints
Markdown.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter
from own_process import machine
from pairs import EXAMPLE, experiments
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from foretaste import Experiment, Platform, read_experiment
from foretaste.experiment import NewcomersHoldout

STRATEGIES = ("align/ridge", "linear/naive-bayes")
DEPARTMENTS = (
    "DRUG GM", "PRODUCE", "MEAT-PCKGD", "MEAT", "PASTRY", "DELI", "NUTRITION", "SEAFOOD-PCKGD", "MISCELLANEOUS",
    "FUEL", "SALAD BAR", "FLORAL", "COSMETICS", "SEAFOOD",
)  # fmt: skip
"""Those with 500 households that also buy groceries, most of them first."""
HEAD = ("pair", "people", "rows each", "forecast", "measured", "by", "tested", "to rank pairs")


@dataclass(frozen=True)
class Point:
    """A pair: mean, low and high of the gain that was forecast and of the one that was measured."""

    pair: str
    people: int
    rows: float
    forecast: tuple[float, float, float]
    leave_one_out: float | None
    strategy: str
    tested: int
    measured: tuple[float, float, float]

    @property
    def sign(self) -> bool | None:
        """Whether the sign is right; None where the measured interval has zero in it."""
        _, low, high = self.measured
        return None if low <= 0 <= high else (self.forecast[0] > 0) == (low > 0)


def departments() -> Iterator[tuple[Experiment, Path]]:
    example = read_experiment(EXAMPLE)[0]
    for name in DEPARTMENTS:
        target = name.lower().replace(" ", "-")
        domain = example.domains["produce"].model_copy(update={"options": {"department": name}})
        spec = example.transfers[0].model_copy(update={"target": target})
        domains = {"grocery": example.domains["grocery"], target: domain}
        yield example.model_copy(update={"domains": domains, "transfers": [spec]}), EXAMPLE.parent


def with_newcomers(experiment: Experiment, asked: Namespace) -> Experiment:
    spec = experiment.transfers[0].model_copy(update={"strategy": STRATEGIES[0], "beside": [*STRATEGIES[1:]]})
    holdout = NewcomersHoldout(fraction=asked.fraction, repeats=asked.repeats)
    changed = {"transfers": [spec], "holdout": holdout, "metrics": ["ndcg@10"], "tries": 4, "refit": False}
    return experiment.model_copy(update=changed)


def told(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Return the fields of a point that are forecast."""
    host = Platform(experiment.plugins, experiment.block, folder=folder)
    with threadpool_limits(1, "blas"):
        (found,) = host.forecast(experiment, folder=folder)
    seen, newcomers = found.forecast, found.forecast.expected[0]
    return {
        "people": seen.people,
        "rows": seen.target_rows,
        "forecast": (newcomers.value, newcomers.low, newcomers.high),
        "leave_one_out": seen.leave_one_out,
    }


def point(experiment: Experiment, folder: Path) -> Point:
    host = Platform(experiment.plugins, experiment.block, folder=folder)
    with TemporaryDirectory() as output, threadpool_limits(1, "blas"):
        (found,) = host.run(experiment, folder=folder, output=Path(output)).transfers
    best = max((found.entry(name) for name in STRATEGIES), key=lambda entry: entry.validation or 0.0)
    lift = best.lift
    assert lift is not None  # neither is a baseline
    return Point(
        pair=f"{found.source} -> {found.target}",
        **told(experiment, folder),
        strategy=best.strategy,
        tested=found.people,
        measured=(lift.value, lift.low, lift.high),
    )


def kept(results: Path | None) -> dict[str, Point]:
    lines = results.read_text().splitlines() if results is not None and results.exists() else []
    points = [Point(**json.loads(line)) for line in lines]
    return {one.pair: one for one in points}


def line(one: Point) -> str:
    cells = (
        one.pair,
        f"{one.people:,}",
        f"{one.rows:.1f}",
        said(one.forecast),
        said(one.measured),
        f"`{one.strategy}`",
        f"{one.tested:,}",
        "" if one.leave_one_out is None else f"{one.leave_one_out:+.4f}",
    )
    return f"| {' | '.join(cells)} |"


def said(gain: tuple[float, float, float]) -> str:
    value, low, high = gain
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"


def draw(points: list[Point], picture: Path) -> None:
    plt.rcParams["svg.hashsalt"] = "forecast"
    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    most = max(max(one.forecast[2], one.measured[2]) for one in points)
    axes.plot([0, most], [0, most], color="0.8", zorder=0)
    # most gains are small, and a few many times larger
    axes.set_xscale("symlog", linthresh=0.02)
    axes.set_yscale("symlog", linthresh=0.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([-0.01, 0, 0.01, 0.02, 0.05, 0.1]))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.axhline(0, color="0.8", zorder=0)
    axes.axvline(0, color="0.8", zorder=0)
    for one in points:
        across, up = ([[x - low], [high - x]] for x, low, high in (one.forecast, one.measured))
        sure = one.sign is not None
        axes.errorbar(
            one.forecast[0],
            one.measured[0],
            up,
            across,
            "^" if one.leave_one_out is None else "o" if sure else "s",
            color="C0" if sure else "0.6",
            lw=0.8,
            ms=4,
        )
        axes.annotate(
            one.pair.rpartition(" -> ")[2],
            (one.forecast[0], one.measured[0]),
            (4, -8),
            textcoords="offset points",
            fontsize=6,
        )
    axes.set(
        xlabel="forecast gain, ndcg@10",
        ylabel="measured lift",
        title="grey: the measured interval has zero in it; triangles: items alone are shared",
    )
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


def main() -> None:
    parser = ArgumentParser(description="Forecasts against what was then measured.")
    parser.add_argument("pairs", nargs="*", type=Path, help="experiment.yaml, or SOURCE.parquet TARGET.parquet, ...")
    parser.add_argument("--fraction", type=float, default=0.3, help="share of the shared people that is hidden")
    parser.add_argument("--positive", type=float, default=4.0, help="least rating of a preference in two tables")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--again", action="store_true", help="forecast anew what was measured already")
    parser.add_argument("--picture", type=Path)
    parser.set_defaults(shared="users")
    asked = parser.parse_args()
    print(f"{machine()}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    points = kept(asked.results)
    for experiment, folder in experiments(asked) if asked.pairs else departments():
        spec = experiment.transfers[0]
        name = f"{'+'.join(spec.sources)} -> {spec.target}"
        measured = name in points
        if not measured or asked.again:
            experiment = with_newcomers(experiment, asked)
            points[name] = replace(points[name], **told(experiment, folder)) if measured else point(experiment, folder)
            if asked.results is not None:
                with asked.results.open("a") as file:
                    file.write(f"{json.dumps(asdict(points[name]))}\n")
        print(line(points[name]), flush=True)
    ranked = [(one.leave_one_out, one.measured[0]) for one in points.values() if one.leave_one_out is not None]
    ranks = spearmanr(*zip(*ranked, strict=True))
    signs = [one.sign for one in points.values() if one.sign is not None]
    print(f"\n{sum(signs)} of {len(signs)} signs are right; leave-one-out and measured: Spearman {ranks.statistic:.2f}")
    if asked.picture is not None:
        draw(list(points.values()), asked.picture)


if __name__ == "__main__":
    main()
