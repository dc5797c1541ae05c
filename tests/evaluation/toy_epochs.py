"""A strategy that trains for epochs and keeps its state, and a way to stop it midway. Also a program:

``toy_epochs.py FOLDER`` runs the toy experiment with it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from evaluation.toy_experiment import Popular, Shelf, Toy, experiment, popularity
from foretaste import Carried, Context, Domain, FactorModel, Platform, Recommender, Roster, Transfer

EPOCHS = 4


class Epochs(Toy):
    """Item vectors that are drawn, and drawn further in each epoch: any epoch too few or too many shows.

    ``stop`` ends each training that is not resumed after that many epochs, ``done`` lists the epochs of all.
    """

    name: ClassVar[str] = "toy/epochs"
    portable: ClassVar[bool] = True
    stop: ClassVar[Mapping[str, int]] = {}
    by: ClassVar[str] = "raise"
    done: ClassVar[list[tuple[str, int]]] = []

    scale: Annotated[float, Field(gt=0)] = 1.0

    def pretrain(self, source: Domain, context: Context) -> Carried:
        shape = (len(source.interactions.items), 2)
        return Carried({"items": self.trained("pretrain", np.zeros(shape, np.float32), context)})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        items = self.trained("adapt", np.zeros((len(transfer.target.interactions.items), 2), np.float32), context)
        people = sum(pair.source_history @ carried[pair.source.name].arrays["items"] for pair in transfer.pairs)
        bias = popularity(transfer)
        return FactorModel(Roster.of(transfer), np.asarray(people, np.float32) / 100, items, item_bias=bias)

    def trained(self, stage: str, items: np.ndarray, context: Context) -> np.ndarray:
        rng, begin, place = context.rng(9), 0, context.checkpoint
        if place is not None and (state := place.load()) is not None:
            items, begin = state[0]["items"], state[1]["epoch"]
            rng.bit_generator.state = state[1]["rng"]
        for epoch in range(begin + 1, EPOCHS + 1):
            items = items + np.float32(self.scale) * rng.normal(size=items.shape).astype(np.float32)
            self.done.append((stage, epoch))
            if place is not None:
                place.save({"items": items}, {"epoch": epoch, "rng": rng.bit_generator.state})
            if not begin and self.stop.get(stage) == epoch:
                if self.by == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise KeyboardInterrupt if self.by == "interrupt" else ZeroDivisionError("stopped midway")
        return items


def epochs_platform(*plugins: object) -> Platform:
    return Platform([Shelf(Popular, Epochs), *plugins], entry_points=False)


def run_epochs(folder: Path, *plugins: object, new: bool = False, **changed: Any) -> Any:
    spec = {"strategy": "toy/epochs"}
    return epochs_platform(*plugins).run(experiment(spec, **changed), folder=folder, new=new)


if __name__ == "__main__":
    Epochs.stop, Epochs.by = {"adapt": 2}, "kill"
    run_epochs(Path(sys.argv[1]))
