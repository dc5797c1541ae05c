"""Strategies that map embeddings on pairs of domains, beside what they must beat: quality, CPU and memory.

Run by hand: ``python benchmarks/alignment.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; left out, the
pairs of ``examples/grocery``. Quality is the platform's own run: settings tuned, repeats pooled, the control with
permuted people beside it. A fit with the settings found is then measured in a process of its own; BLAS and implicit
have one thread. Prints Markdown.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from own_process import Cost, cost_of, in_own_process, machine
from pairs import arguments, experiments
from threadpoolctl import threadpool_limits

from foretaste import Experiment, Overlap, Platform, Transfer, TransferResult
from foretaste.evaluation import hold_out
from foretaste.result import Entry, Lift

STRATEGIES = [
    "align/ridge",
    "align/procrustes",
    "align/mlp",
    "align/bridge",
    "align/prior",
    "align/similarity",
    "linear/naive-bayes",
]
HEAD = ("strategy", "ndcg@10", "lift", "control", "verdict", "fit: CPU s", "fit: MB", "tuned: CPU s")


def compared(experiment: Experiment, folder: Path, strategies: list[str]) -> TransferResult:
    spec = experiment.transfers[0].model_copy(update={"strategy": strategies[0], "beside": strategies[1:]})
    asked = experiment.model_copy(update={"transfers": [spec], "metrics": ["ndcg@10"]})
    host = Platform(asked.plugins, asked.block, folder=folder)
    with TemporaryDirectory() as output, threadpool_limits(1, "blas"):
        return host.run(asked, folder=folder, output=Path(output), control="permuted").transfers[0]


def cost_of_fit(experiment: Experiment, folder: Path, strategy: str, params: dict[str, Any]) -> Cost:
    spec = experiment.transfers[0]
    host = Platform(experiment.plugins, experiment.block, folder=folder)
    names = [*spec.sources, spec.target]
    *sources, target = (host.load_domain(name, experiment.domains[name], folder) for name in names)
    transfer = Transfer.of(sources, target, Overlap(spec.shared))
    train = hold_out(transfer, experiment.holdout, experiment.seed).train
    with threadpool_limits(1, "blas"):
        return cost_of(lambda: host.fit(strategy, train, params, seed=experiment.seed))


def line(entry: Entry, cost: Cost) -> str:
    control = "" if entry.control == "not run" else said(entry.control.lift)
    figure = entry.metrics["ndcg@10"]
    cells = (
        f"`{entry.strategy}`",
        "" if figure is None else f"{figure:.4f}",
        "" if entry.lift is None else said(entry.lift),
        control,
        "" if entry.verdict == "baseline" else entry.verdict,
        f"{cost.cpu:.2f}",
        f"{cost.grown:.0f}",
        f"{entry.cpu_seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def said(lift: Lift) -> str:
    return f"{lift.value:+.4f} [{lift.low:+.4f}, {lift.high:+.4f}]"


def main() -> None:
    asked = arguments("Embedding alignment beside the baselines.", STRATEGIES)
    print(machine())
    for experiment, folder in experiments(asked):
        found = compared(experiment, folder, asked.strategies)
        over = next(one.lift.over for one in found.leaderboard if one.lift is not None)
        about = f"{found.people:,} people tested in {found.repeats} repeats; lift over `{over}`"
        print(f"\n{found.source} -> {found.target}: {about}.\n")
        print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
        for entry in found.leaderboard:
            cost = in_own_process(cost_of_fit, experiment, folder, entry.strategy, entry.params)
            print(line(entry, cost), flush=True)
        for note in found.notes:
            if "passed over" in note:
                print(f"\n{note}")


if __name__ == "__main__":
    main()
