"""Where the trials of a race are done, and what came of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from foretaste.errors import CancelledError
from foretaste.experiment import Experiment
from foretaste.platform._compare import Measure
from foretaste.platform._lab import Lab, Task
from foretaste.platform._race import Ask
from foretaste.platform._trial import Journal, Limits, Outcome, Trial
from foretaste.platform._worker import Asked, InProcess, Recipe, Setup, Worker
from foretaste.plugins import PluginHost
from foretaste.strategy import Context

_GRACE = 2
"""How many times the time of a fit there is for adapting and what comes after it, until it is stopped."""


@dataclass(frozen=True, eq=False)
class Arena:
    """Has trials done by a process that may come to grief, and takes those that are in the journal from there."""

    host: PluginHost
    recipe: Recipe | None
    """None where a plugin is in hand: then trials are done in this process."""
    experiment: Experiment
    how: Measure
    context: Context
    journal: Journal

    @property
    def notes(self) -> list[str]:
        """What one should know of it."""
        return [] if self.recipe else ["plugins in hand cannot be raced in a process of their own: no limit held"]

    @contextmanager
    def asks(self, tasks: Mapping[int, Task]) -> Iterator[Ask]:
        """Yield who does trials on these transfers, by their place in the experiment."""
        context, worker = self.context, self._worker(tasks)
        self.journal.begin()
        done: set[tuple[int, str]] = set()

        def ask(trial: Trial, limits: Limits) -> Outcome:
            limits = self._within(limits, tasks[trial.transfer])
            before = self.journal.read(trial)
            mine = trial.transfer, trial.key
            # what was killed is tried again once for each start: it may be its fault
            if before is not None and (before.stands(limits) or (before.why == "killed" and mine in done)):
                return before
            if context.cancel():
                raise CancelledError(f"{tasks[trial.transfer].transfer.place}: cancelled")
            found = worker.ask(trial, limits)
            self.journal.write(trial, found)
            done.add(mine)
            return found

        try:
            yield ask
        finally:
            worker.close()

    def _worker(self, tasks: Mapping[int, Task]) -> Asked:
        if self.recipe is None:
            return InProcess(Lab(self.host, tasks, self.how, self.context))
        setup = Setup(self.recipe, self.experiment, tasks, self.context.device, self.context.threads)
        return Worker(setup, self.context.cancel)

    def _within(self, limits: Limits, task: Task) -> Limits:
        """Return limits that are not beyond the experiment's own, which strategies should keep to by themselves."""
        each = self.context.budget.seconds
        if each is None:
            return limits
        whole = (len(task.transfer.pairs) + _GRACE) * each
        return replace(limits, seconds=whole if limits.seconds is None else min(whole, limits.seconds))
