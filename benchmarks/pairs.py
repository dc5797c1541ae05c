"""Pairs of domains as they are named on the command line of a benchmark: experiment files, or two tables."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from foretaste import Experiment, read_experiment

EXAMPLE = Path(__file__).parent.parent / "examples/grocery/experiment.yaml"


def arguments(about: str, strategies: list[str]) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=about)
    parser.add_argument("pairs", nargs="*", type=Path, help="experiment.yaml, or SOURCE.parquet TARGET.parquet, ...")
    parser.add_argument("--fraction", type=float, help="share of the shared people that is hidden")
    parser.add_argument("--shared", default="users", help="what two tables share")
    parser.add_argument("--positive", type=float, default=4.0, help="least rating of a preference in two tables")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--strategies", nargs="+", default=strategies)
    parser.add_argument("--visible", nargs="+", type=int, default=[1, 3, 10], help="few-shot: rows that people keep")
    parser.add_argument("--permutations", type=int, default=20, help="permutations: races for each pair")
    parser.add_argument("--no-limits", action="store_true", help="few-shot: the strategies alone, without align/prior")
    return parser.parse_args()


def experiments(asked: Namespace) -> Iterator[tuple[Experiment, Path]]:
    """Return each experiment of one transfer, and the folder that its paths are relative to.

    Tables with a split column are split by it; of all others newcomers are hidden.
    """
    left = list(asked.pairs or [EXAMPLE])
    while left:
        path = left.pop(0)
        if path.suffix in (".yaml", ".yml"):
            found, folder = read_experiment(path)[0], path.parent
        else:
            found, folder = _of_tables(path, left.pop(0), asked), Path()
        for spec in found.transfers:
            one = spec.model_copy(update={"strategy": None, "params": {}, "beside": []})
            yield (
                found.model_copy(update={"transfers": [one], "holdout": _hidden(found, asked), "refit": False}),
                folder,
            )


def _of_tables(source: Path, target: Path, asked: Namespace) -> Experiment:
    columns = pl.read_parquet_schema(target)
    holdout = {"kind": "given"} if "split" in columns else {"kind": "newcomers"}
    rated = {"positive": {"min": asked.positive}} if "rating" in columns else {}
    return Experiment.model_validate(
        {
            "domains": {one.stem: {"path": str(one.absolute()), **rated} for one in (source, target)},
            "transfers": [{"source": source.stem, "target": target.stem, "shared": asked.shared}],
            "holdout": holdout,
        }
    )


def _hidden(found: Experiment, asked: Namespace) -> object:
    if found.holdout.kind != "newcomers":
        return found.holdout
    fraction = found.holdout.fraction if asked.fraction is None else asked.fraction
    return found.holdout.model_copy(update={"fraction": fraction, "repeats": asked.repeats})
