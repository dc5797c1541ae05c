"""``lightfm/side-features`` with its side features and without any: what they are worth.

Run by hand: ``python benchmarks/side_features.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; left out, the
pairs of ``examples/grocery``. People are newcomers who keep ``--visible`` rows: with none of their own there is nothing
without side features but popularity. All is tuned alike, and the control with permuted people is beside it. Prints
Markdown: ndcg@10, and the lift over the baseline that is best on validation (paired bootstrap over people, 95 %).
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal

from alignment import said
from own_process import machine
from pairs import arguments, experiments
from threadpoolctl import threadpool_limits

from foretaste import Experiment, Platform, Strategy, TransferResult, hookimpl
from foretaste_lightfm._side_features import SideFeatures

HEAD = ("pair", "rows visible", "people", "strategy", "ndcg@10", "lift", "control", "tuned: CPU s")


class Without(SideFeatures):
    """The target alone."""

    name: ClassVar[str] = "side-features/without"
    features: Literal["embedding", "items", "clusters", "none"] = "none"


class Limit:
    """The plugin that brings it."""

    name = "side-features"
    foretaste_api = 1

    @hookimpl
    def register_strategies(self) -> list[type[Strategy]]:
        """Return what is left without side features."""
        return [Without]


def compared(experiment: Experiment, folder: Path) -> TransferResult:
    spec = experiment.transfers[0].model_copy(update={"strategy": SideFeatures.name, "beside": [Without.name]})
    asked = experiment.model_copy(update={"transfers": [spec], "metrics": ["ndcg@10"]})
    host = Platform([*asked.plugins, Limit()], asked.block, folder=folder)
    with TemporaryDirectory() as output, threadpool_limits(1, "blas"):
        return host.run(asked, folder=folder, output=Path(output), control="permuted").transfers[0]


def main() -> None:
    asked = arguments("Side features, and what is left without them.", [])
    print(f"{machine()}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for experiment, folder in experiments(asked):
        for visible in asked.visible:
            holdout = experiment.holdout.model_copy(update={"visible": visible, "levels": asked.visible})
            found = compared(experiment.model_copy(update={"holdout": holdout}), folder)
            about = (f"{found.source} -> {found.target}", str(visible), f"{found.people:,}")
            for entry in found.leaderboard:
                lift = "" if entry.lift is None else said(entry.lift)
                control = "" if entry.control == "not run" else said(entry.control.lift)
                figure = entry.metrics["ndcg@10"]
                value = "" if figure is None else f"{figure:.4f}"
                cells = (f"`{entry.strategy}`", value, lift, control, f"{entry.cpu_seconds:.0f}")
                print(f"| {' | '.join((*about, *cells))} |", flush=True)


if __name__ == "__main__":
    main()
