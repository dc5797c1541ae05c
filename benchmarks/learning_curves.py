"""Learning curves of deep transfer: the source by itself, then the target, fine-tuned, untrained before, and jointly.

Run by hand: ``python benchmarks/learning_curves.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet]``, with
``--picture FILE`` for where to draw; of an experiment the first pair, else the first of ``examples/grocery``. Shows the
loss of pretraining, and ndcg@10 of the people of the target who are held out in training to say when it ends (they are
none of those who are tested).
"""

import re
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from deep_ablations import held_out
from pairs import EXAMPLE, experiments
from threadpoolctl import threadpool_limits

from foretaste import Context, Platform

EPOCHS = 80
TOLD = re.compile(r"epoch (\d+)/\d+, loss ([\d.]+)(?:, ndcg@10 ([\d.]+))?")
RUNS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "pretrained, then fine-tuned": ("deep/finetune", {}),
    "target alone, over source histories": ("deep/finetune", {"source_epochs": 0}),
    "source and target at once": ("deep/joint", {}),
}


def curves(lines: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return the losses of pretraining, and the figures of the people held out."""
    told = [(int(epoch), float(loss), figure) for epoch, loss, figure in map(parts, lines) if epoch]
    judged = [float(figure) for _, _, figure in told if figure]
    first = [n for n, (one, two) in enumerate(pairwise(told), 1) if two[0] <= one[0]]
    source = [] if not told or told[0][2] else [loss for _, loss, _ in told[: first[0] if first else None]]
    return source, judged


def parts(line: str) -> tuple[Any, ...]:
    found = TOLD.search(line)
    return (0, 0, None) if found is None else found.groups()


def main() -> None:
    parser = ArgumentParser(description="Learning curves of deep transfer.")
    parser.add_argument("pairs", nargs="*", type=Path, default=[EXAMPLE])
    parser.add_argument("--picture", type=Path, default=Path("learning_curves.svg"))
    parser.set_defaults(fraction=None, shared="users", positive=4.0, repeats=1)
    asked = parser.parse_args()
    experiment, folder = next(experiments(asked))
    host = Platform(experiment.plugins, experiment.block, folder=folder)
    (held,), spec = held_out(experiment, folder, host), experiment.transfers[0]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for label, (name, params) in RUNS.items():
        lines: list[str] = []
        strategy = host.catalog.make(name, {**params, "epochs": EPOCHS, "patience": 0, "decay": "none"})
        context = Context(seed=experiment.seed, device="cpu", progress=lines.append)
        with threadpool_limits(1):
            carried = {pair.source.name: strategy.pretrain(pair.source, context) for pair in held.train.pairs}
            strategy.adapt(carried, held.train, context)
        losses, judged = curves(lines)
        if losses:
            left.plot(range(1, len(losses) + 1), losses)
        right.plot(range(1, len(judged) + 1), judged, label=label)
        best = max(judged)
        print(f"{label}: best {best:.4f} after epoch {judged.index(best) + 1}", flush=True)
    left.set(xlabel="epoch", ylabel="loss", title=f"{'+'.join(spec.sources)}: pretraining")
    right.set(xlabel="epoch", ylabel="ndcg@10", title=f"{spec.target}: people held out in training")
    right.legend(frameon=False, fontsize=8)
    figure.savefig(asked.picture, metadata={"Date": None} if asked.picture.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
