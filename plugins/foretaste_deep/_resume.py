"""A training that was killed goes on at the epoch that it had saved, and ends where it would have ended."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from foretaste import Checkpoint
from foretaste_deep._adam import Adam

Weights = dict[str, torch.Tensor]

EVERY = 30.0
"""Seconds between two savings: what a kill costs at most, and an epoch."""


class Memory(Protocol):
    """What a loss remembers from step to step, if it does, JSON-ready."""

    def state(self) -> dict[str, Any]:
        """Return it."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from it."""


class Journal:
    """The state of one stage of training, in a checkpoint that other stages of the same fit use before and after.

    Of processes that train together one ``writes``.
    """

    def __init__(self, checkpoint: Checkpoint | None, stage: str, *, writes: bool = True) -> None:
        found = None if checkpoint is None else checkpoint.load()
        self.checkpoint, self.stage = checkpoint if writes else None, stage
        self._arrays, self._meta = ({}, {"done": {}}) if found is None else found
        self._saved = time.monotonic()

    @property
    def finished(self) -> int | None:
        """The epoch that this stage ended with, if it ended."""
        found = self._meta["done"].get(self.stage)
        return None if found is None else int(found)

    @property
    def begun(self) -> bool:
        """Whether the state is of this stage."""
        return self._meta.get("stage") == self.stage

    def restore_finished(self, model: nn.Module) -> None:
        """Give a model the weights that this stage ended with, where no later stage took their place."""
        if self.begun:
            model.load_state_dict(_named(self._arrays, "kept."))

    def restore(
        self, model: nn.Module, adam: Adam, rng: np.random.Generator, memory: Memory | None
    ) -> tuple[int, float, int, float, Weights]:
        """Bring all back to the last saving; return epochs done, best figure, its epoch, seconds, and its weights."""
        model.load_state_dict(_named(self._arrays, "now."))
        adam.restore(_named(self._arrays, "adam."))
        rng.bit_generator.state = self._meta["rng"]
        if memory is not None:
            memory.restore(self._meta["memory"])
        best = -math.inf if self._meta["best"] is None else float(self._meta["best"])
        kept = _named(self._arrays, "kept.")  # on the CPU: load_state_dict brings it to where the model is
        return int(self._meta["epoch"]), best, int(self._meta["reached"]), float(self._meta["seconds"]), kept

    def save(
        self,
        model: nn.Module,
        adam: Adam,
        rng: np.random.Generator,
        memory: Memory | None,
        *,
        epoch: int,
        best: float,
        reached: int,
        seconds: float,
        kept: Weights,
    ) -> None:
        """Keep the state after an epoch, unless it was kept just now."""
        if self.checkpoint is None or time.monotonic() - self._saved < EVERY:
            return
        moments = {f"adam.{name}": value for name, value in adam.state().items()}
        meta = {
            "epoch": epoch,
            "best": best if math.isfinite(best) else None,
            "reached": reached,
            "seconds": seconds,
            "rng": rng.bit_generator.state,
            "memory": None if memory is None else memory.state(),
        }
        now = {f"now.{name}": value for name, value in model.state_dict().items()}
        self._write({**now, **moments, **{f"kept.{name}": value for name, value in kept.items()}}, meta)

    def finish(self, reached: int, kept: Weights) -> None:
        """Keep what this stage came to, which costs little beside it."""
        if self.checkpoint is not None:
            self._meta["done"][self.stage] = reached
            self._write({f"kept.{name}": value for name, value in kept.items()}, {})

    def _write(self, tensors: Weights, meta: dict[str, Any]) -> None:
        assert self.checkpoint is not None
        arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        self.checkpoint.save(arrays, {"stage": self.stage, "done": self._meta["done"], **meta})
        self._saved = time.monotonic()


def _named(arrays: dict[str, Any], prefix: str) -> Weights:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
