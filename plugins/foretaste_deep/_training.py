"""The training loop: batches, one step of Adam each, and the best weights kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foretaste import Context, StrategyError
from foretaste_deep._adam import Adam, Group
from foretaste_deep._parallel import Crew
from foretaste_deep._resume import Journal, Memory

Batch = NDArray[np.int64]

_LARGEST = 1e6
"""What no trained parameter comes near; products of a few such still are numbers in single precision."""


@dataclass(frozen=True)
class Schedule:
    """``epochs`` at most, of batches of ``batch`` people; ``patience`` epochs without a better figure end it (0: none
    do). ``clip`` is the longest gradient. Step sizes fall to zero over ``horizon`` epochs as ``decay`` says.
    ``seconds`` end training early. ``mixed``: a GPU multiplies in bfloat16.
    """

    epochs: int
    batch: int
    patience: int = 0
    clip: float = 5.0
    decay: Literal["none", "linear", "cosine"] = "none"
    horizon: int = 0
    seconds: float | None = None
    mixed: bool = False

    def share(self, epoch: int) -> float:
        """Return the share of the step size that is left in an epoch, the first of which is 0."""
        done = epoch / max(self.horizon, 1)
        return {"none": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[self.decay]


def train(
    place: str,
    model: nn.Module,
    loss: Callable[[Batch], torch.Tensor],
    people: NDArray[np.int64],
    groups: Sequence[Group],
    schedule: Schedule,
    rng: np.random.Generator,
    context: Context,
    figure: Callable[[], float] | None = None,
    *,
    stage: str = "all",
    memory: Memory | None = None,
    measure: str = "ndcg@10",
    rounds: Callable[[np.random.Generator], Iterator[Batch]] | None = None,
) -> int:
    """Train in place, and return the epoch that the model ends with: the last, or the best by ``figure``.

    Of a figure, which progress calls ``measure``, more is better; 0 is before the first epoch. ``rounds`` makes the
    batches of an epoch, where these are not all people once, shuffled.
    Where the context has a checkpoint, a training of the same ``stage`` goes on where it was killed; ``memory`` is what
    the loss remembers. One that had ended is not done again. Processes that were joined by torch train together.
    ``place`` begins the lines of progress and errors. Raises StrategyError, with the best weights so far left in the
    model, for a loss that is not finite, for parameters beyond all measure, where the device has not enough memory, and
    where the run is cancelled.
    """
    crew = Crew()
    journal = Journal(context.checkpoint, stage, writes=crew.rank == 0)
    if journal.finished is not None:
        journal.restore_finished(model)
        return journal.finished
    adam = Adam(groups)
    moving = {id(one) for one in adam.parameters}
    for held in model.parameters():  # of what no step moves, gradients would pile up
        held.requires_grad_(id(held) in moving)
    crew.expect_dense(place, groups)
    if journal.begun:
        first, best, reached, spent, kept = journal.restore(model, adam, rng, memory)
        context.progress(f"{place}: goes on after epoch {first}/{schedule.epochs}")
    else:
        first, best, reached, spent = 0, crew.same(figure()) if figure else -math.inf, 0, 0.0
        kept = copy.deepcopy(model.state_dict())
    began = time.monotonic() - spent
    for epoch in range(first, schedule.epochs):
        if epoch and crew.same(_out_of_patience(schedule, epoch, reached) or _out_of_time(schedule, began)):
            break
        adam.begin(epoch, schedule.share(epoch))
        order = context.rng(24, epoch)
        every = rounds(order) if rounds else batches(people, schedule.batch, order)
        try:
            lost = _epoch(place, loss, every, adam, epoch, schedule, context, crew, stage)
            _expect_moderate(place, adam, epoch, stage)
        except StrategyError:
            model.load_state_dict(kept)
            raise
        value = crew.same(figure()) if figure else None
        told = said(lost, value, measure)
        context.progress(f"{place}: epoch {epoch + 1}/{schedule.epochs}, {told}")
        if value is None or value > best:
            best, reached = (best if value is None else value), epoch + 1
            for name, held in model.state_dict().items():
                kept[name].copy_(held)
        journal.save(
            model,
            adam,
            rng,
            memory,
            epoch=epoch + 1,
            best=best,
            reached=reached,
            seconds=time.monotonic() - began,
            kept=kept,
        )
    model.load_state_dict(kept)
    journal.finish(reached, kept)
    return reached


def _epoch(
    place: str,
    loss: Callable[[Batch], torch.Tensor],
    every: Iterator[Batch],
    adam: Adam,
    epoch: int,
    schedule: Schedule,
    context: Context,
    crew: Crew,
    stage: str,
) -> float:
    """Take a step for each batch, and return the mean loss over people."""
    total, seen = 0.0, 0
    for batch in every:
        if crew.total(context.cancel()):  # of one is of all, who would wait for it
            raise StrategyError(f"{place}: cancelled")
        total += _step(place, loss, batch, adam, schedule, crew) * len(batch)
        seen += len(batch)
        if not math.isfinite(total):
            raise StrategyError(
                f"{place}: the loss is {total} in epoch {epoch + 1}, expected a number; {_remedy(stage)}"
            )
    return total / max(seen, 1)


def _expect_moderate(place: str, adam: Adam, epoch: int, stage: str) -> None:
    """Raise StrategyError where a parameter has gone astray: the loss of the last step was that before it."""
    if not adam.parameters:
        return
    largest = float(torch.stack([one.detach().abs().max().float() for one in adam.parameters]).max())
    if not largest < _LARGEST:  # nor is NaN
        raise StrategyError(
            f"{place}: a parameter is {largest:.3g} after epoch {epoch + 1}, expected less than {_LARGEST:.0e};"
            f" {_remedy(stage)}"
        )


def _remedy(stage: str) -> str:
    return f"a smaller {'source_' * (stage == 'source')}learning_rate may help"


def _out_of_patience(schedule: Schedule, epoch: int, reached: int) -> bool:
    return schedule.patience > 0 and epoch - reached >= schedule.patience


def _out_of_time(schedule: Schedule, began: float) -> bool:
    return schedule.seconds is not None and time.monotonic() - began > schedule.seconds


def said(loss: float, figure: float | None, measure: str) -> str:
    """Return what an epoch came to."""
    return f"loss {loss:.4f}" + ("" if figure is None else f", {measure} {figure:.4f} for people held out")


def batches(people: NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Return all people once, shuffled."""
    order = rng.permutation(people)
    return (order[start : start + size] for start in range(0, len(order), size))


def _step(
    place: str,
    loss: Callable[[Batch], torch.Tensor],
    batch: Batch,
    adam: Adam,
    schedule: Schedule,
    crew: Crew,
) -> float:
    adam.forget()
    where = adam.parameters[0].device.type
    try:
        with torch.autocast(where, torch.bfloat16, enabled=schedule.mixed and where == "cuda"):
            mine = crew.share(batch)
            cost = loss(mine)
        cost.backward()  # type: ignore[no-untyped-call]
        part = len(mine) / len(batch)
        crew.join(adam.parameters, part)
        adam.step(schedule.clip)
        return crew.total(float(cost.detach()) * part)
    except (RuntimeError, MemoryError) as error:
        if not _of_memory(error):
            raise
        raise StrategyError(
            f"{place}: {where} has not enough memory for a batch of {len(batch)} people; a smaller batch, or fewer"
            " negatives or factors, takes less"
        ) from error


def _of_memory(error: Exception) -> bool:
    """Whether memory ran out: torch has an exception for that on a GPU, and none on a CPU."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(count, 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device(asked: str) -> torch.device:
    """Return where to train: ``auto`` is cuda where there is one. StrategyError where there is no such device."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if asked == "cuda" and not torch.cuda.is_available():
        raise StrategyError("device: found cuda, but torch sees none here; expected cpu or auto")
    return torch.device(asked)
