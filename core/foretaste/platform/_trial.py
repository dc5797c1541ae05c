"""What a race asks for, what comes back, and the journal from which a race that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foretaste.checkpoint import Checkpoint
from foretaste.errors import OutputError
from foretaste.evaluation import Scores

_WIDER = 1.1
"""So many times as long a limit has to be for what it shortened to be done again: no two races have the same second."""
_OURS = re.compile(r"[0-9a-f]{16}")

Place = int | Literal["plan", "test", "time"]
"""On which people: those of one validation fold, of the whole plan, or the test people; ``time`` asks nobody, and finds
what a fit would take with a part of the training data."""

Why = Literal["failed", "killed", "time", "memory"]
"""``killed``: its process was ended from outside and not by its limits, which need not be the strategy's fault."""


@dataclass(frozen=True)
class Limits:
    """How long a trial may take, in seconds, and what its process may hold, in bytes; None is unlimited."""

    seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Trial:
    """One strategy with its settings, fitted once and asked of some people."""

    transfer: int
    """The place of the transfer in the experiment."""
    repeat: int
    place: Place
    strategy: str
    params: dict[str, Any]
    permuted: bool = False
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of other strategies, for one that uses others."""
    folds: int | None = None
    """How many of the plan's folds are looked at, where time did not suffice for all."""

    @property
    def key(self) -> str:
        """What it is called among the trials of its transfer."""
        what = [self.repeat, self.place, self.strategy, self.params, self.permuted, self.settled, self.folds]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Scores and cost of a trial, or why there are none."""

    scores: Scores | None = None
    placed: bool = True
    """Whether the model answered anybody itself, and not by popularity."""
    notes: tuple[str, ...] = ()
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings that it found of other strategies."""
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    estimate: float | None = None
    """How many seconds a fit would take, where that was asked for and can be said."""
    memory: int | None = None
    """The most bytes that its process held; None where it had no process of its own."""
    why: Why | None = None
    reason: str = ""
    limits: Limits = Limits()
    """What it was given."""
    shortened: bool = False
    """Whether its training may have been ended early by these, and not by the experiment's own budget."""

    def stands(self, limits: Limits) -> bool:
        """Say whether it need not be tried again with these limits."""
        if self.why == "time":
            return _at_most(limits.seconds, self.limits.seconds)
        if self.why == "memory":
            return _at_most(limits.memory, self.limits.memory)
        if self.shortened:
            return _at_most(limits.seconds, _WIDER * (self.limits.seconds or 0.0))
        return self.why != "killed"


def _at_most(now: float | None, before: float | None) -> bool:
    return before is None or (now is not None and now <= before)


class Journal:
    """Outcomes in a folder, each written when it is there, for the next run of the same race."""

    def __init__(self, folder: Path, fingerprints: Sequence[str]) -> None:
        """Keep what comes of each transfer under its own fingerprint, so that others beside it may change."""
        self._folder = folder
        self._folders = [folder / one[:16] for one in fingerprints]

    def begin(self) -> None:
        """Take away what was found with other data or code; what is not a race's stays. OutputError."""
        try:
            for place in self._folder.glob("*"):
                if _OURS.fullmatch(place.name) and place not in self._folders:
                    shutil.rmtree(place)
        except OSError as error:
            raise OutputError(f"{self._folder}: cannot be cleared: {error.strerror or error}") from error

    def end(self) -> None:
        """Take away what is no longer needed."""
        for place in self._folders:
            shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # not there, or not empty
            self._folder.rmdir()

    def _place(self, trial: Trial) -> Path:
        return self._folders[trial.transfer] / trial.key

    def read(self, trial: Trial) -> Outcome | None:
        """Return what came of a trial; None where it was not done, or what was written of it is damaged."""
        found = Checkpoint(self._place(trial)).load()
        if found is None:
            return None
        arrays, meta = found
        try:
            limits = Limits(**meta.pop("limits"))
            overall = meta.pop("overall")
            scores = None
            if overall is not None:
                values = {name: arrays[f"values.{name}"] for name in overall}
                plain = {name: float("nan") if one is None else one for name, one in overall.items()}
                scores = Scores(arrays["people"], arrays["populations"], values, plain)
            return replace(Outcome(scores, limits=limits), **meta | {"notes": tuple(meta["notes"])})
        except (KeyError, TypeError, AttributeError):
            return None

    def write(self, trial: Trial, outcome: Outcome) -> None:
        """Keep what came of a trial; OutputError where the folder cannot be written."""
        arrays: dict[str, Any] = {}
        overall = None
        if outcome.scores is not None:
            one = outcome.scores
            arrays = {"people": one.people, "populations": one.populations}
            arrays |= {f"values.{name}": values for name, values in one.values.items()}
            overall = {name: value if np.isfinite(value) else None for name, value in one.overall.items()}
        plain = (
            "placed",
            "notes",
            "settled",
            "cpu_seconds",
            "seconds",
            "estimate",
            "memory",
            "why",
            "reason",
            "shortened",
        )
        meta = {name: getattr(outcome, name) for name in plain}
        limits = {"seconds": outcome.limits.seconds, "memory": outcome.limits.memory}
        try:
            Checkpoint(self._place(trial)).save(arrays, meta | {"overall": overall, "limits": limits})
        except OutputError as error:
            raise OutputError(str(error).replace("a checkpoint", "what a race found")) from error
