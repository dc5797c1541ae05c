"""What each part of deep transfer is worth: the same fit without it, and what it costs.

Run by hand: ``python benchmarks/deep_ablations.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; else the
pairs of ``examples/grocery``. Settings are the defaults but for those named; nothing is tuned, so that what differs is
the part alone. Prints Markdown: ndcg@10 of people who are tested, the difference to the first line (paired bootstrap
over people, 95 %), and the CPU seconds of pretraining and of adapting, means over the repeats, one thread. The same
people are tested in all lines. ``--strategies "joint, 20 epochs" ...`` measures some parts, shorter ones among them.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from own_process import machine
from pairs import arguments, experiments
from threadpoolctl import threadpool_limits

from foretaste import Context, Experiment, Overlap, Platform, Transfer
from foretaste.evaluation import HeldOut, bootstrap_plan, hold_out, paired_lift, score
from foretaste.metrics import Ndcg

PARTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "`deep/finetune`": ("deep/finetune", {}),
    "not pretrained": ("deep/finetune", {"source_epochs": 0}),
    "half the epochs, twice the step": ("deep/finetune", {"epochs": 20, "learning_rate": 6e-3}),
    "source tower frozen": ("deep/finetune", {"encoder_rate": 0}),
    "adapter of rank 8": ("deep/finetune", {"rank": 8}),
    "hidden layer of 64": ("deep/finetune", {"units": 64}),
    "scorer of 32": ("deep/finetune", {"scorer_units": 32}),
    "factors": ("deep/finetune", {"model": "factors"}),
    "`deep/joint`": ("deep/joint", {}),
    "joint, alpha 0": ("deep/joint", {"alpha": 0}),
    "joint, alpha 0.5": ("deep/joint", {"alpha": 0.5}),
}
SHORTER: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    f"{name}, {epochs} epochs": (f"deep/{name}", {"epochs": epochs, "learning_rate": 0.12 / epochs})
    for name in ("finetune", "joint")
    for epochs in (20, 10, 5)
}
"""What a shorter training with a longer step costs and brings, for ``--strategies``."""
HEAD = ("pair, people tested", "part", "ndcg@10", "difference", "pretrain: CPU s", "adapt: CPU s")


def held_out(experiment: Experiment, folder: Path, host: Platform) -> list[HeldOut]:
    spec = experiment.transfers[0]
    *sources, target = (
        host.load_domain(name, experiment.domains[name], folder) for name in (*spec.sources, spec.target)
    )
    transfer, repeats = Transfer.of(sources, target, Overlap(spec.shared)), experiment.holdout.repeats
    return [hold_out(transfer, experiment.holdout, experiment.seed + n) for n in range(repeats)]


def fitted(host: Platform, name: str, params: Mapping[str, Any], held: HeldOut, seed: int) -> tuple[Any, ...]:
    """Return values per person, and CPU seconds of pretraining and adapting."""
    strategy, context = host.catalog.make(name, params), Context(seed=seed, device="cpu")
    began = time.process_time()
    carried = {pair.source.name: strategy.pretrain(pair.source, context) for pair in held.train.pairs}
    between = time.process_time()
    recommender = strategy.adapt(carried, held.train, context)
    ended = time.process_time()
    return score(recommender, held, [Ndcg(10)]).values["ndcg@10"], between - began, ended - between


def line(about: str, label: str, values: NDArray[Any], first: NDArray[Any], who: NDArray[Any], cost: Any) -> str:
    gain = paired_lift(values - first, bootstrap_plan(who, seed=0))
    difference = "" if values is first else f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    cells = (about, label, f"{values.mean():.4f}", difference, *(f"{one:.1f}" for one in cost))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    asked = arguments("What each part of deep transfer is worth.", list(PARTS))
    torch.set_num_threads(1)  # and torch is imported before anything is timed
    print(f"{machine()}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for experiment, folder in experiments(asked):
        host = Platform(experiment.plugins, experiment.block, folder=folder)
        held, spec = held_out(experiment, folder, host), experiment.transfers[0]
        _, who = np.unique(np.concatenate([one.people for one in held]), return_inverse=True)
        about, first = f"{'+'.join(spec.sources)} -> {spec.target}, {len(who):,}", None
        for label in asked.strategies:
            name, params = {**PARTS, **SHORTER}[label]
            with threadpool_limits(1):
                found = [fitted(host, name, params, one, experiment.seed + n) for n, one in enumerate(held)]
            values = np.concatenate([one[0] for one in found])
            first = values if first is None else first
            print(line(about, label, values, first, who, np.mean([one[1:] for one in found], axis=0)), flush=True)


if __name__ == "__main__":
    main()
