"""A process that does trials, and is stopped at their limits: what hangs, crashes or eats memory ends nothing else.

It is an interpreter of its own and runs nothing of the program that asks, so that a notebook or a server may ask too.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from foretaste.errors import CancelledError
from foretaste.experiment import Experiment
from foretaste.platform._lab import Lab, Task
from foretaste.platform._trial import Limits, Outcome, Trial
from foretaste.strategy import Device

if TYPE_CHECKING:
    import psutil

_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]);"
    "from foretaste.platform._worker import serve; serve(int(sys.argv[1]))"
)
_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP")
"""Signals that no process sends itself: a person's, or the system's where its memory is up."""
_LOOK = 0.02
"""Seconds between two looks at how much memory a process holds."""


@dataclass(frozen=True)
class Recipe:
    """From what a platform is made again: nothing in hand."""

    plugins: tuple[str | Path, ...]
    block: tuple[str, ...]
    folder: Path | None
    entry_points: bool


@dataclass(frozen=True, eq=False)
class Setup:
    """What a process needs before its first trial."""

    recipe: Recipe
    experiment: Experiment
    tasks: Mapping[int, Task]
    device: Device
    threads: int


class Asked(Protocol):
    """Who does trials."""

    def ask(self, trial: Trial, limits: Limits) -> Outcome:
        """Return what comes of a trial."""

    def close(self) -> None:
        """End; nothing is asked after that."""


class InProcess:
    """Does trials here: for plugins in hand, which no other process can have. No limit holds."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def ask(self, trial: Trial, limits: Limits) -> Outcome:
        """See Asked.ask."""
        return self._lab.outcome(trial, limits)

    def close(self) -> None:
        """See Asked.close."""


class _StoppedError(Exception):
    """A process went beyond a limit; ``outcome`` says which."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(eq=False)
class _Watch:
    """What a process does with its time and memory."""

    process: psutil.Process
    limits: Limits
    most: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def look(self) -> None:
        """Note how much memory it holds."""
        import psutil

        with suppress(psutil.Error):  # it is gone
            self.most = max(self.most, int(self.process.memory_info().rss))


class Worker:
    """Has trials done by a process, which is begun when there is one to do and again after it was stopped."""

    def __init__(self, setup: Setup, cancel: Callable[[], bool]) -> None:
        self._setup, self._cancel = setup, cancel
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def ask(self, trial: Trial, limits: Limits) -> Outcome:
        """See Asked.ask; a process that goes beyond a limit, or ends by itself, is an outcome. CancelledError."""
        import psutil

        watch = _Watch(psutil.Process(self._begun().pid), limits)
        pipe = self._pipe
        assert pipe is not None
        try:
            pipe.send((trial, limits))
            while not pipe.poll(_LOOK):  # the data are made ready, which is not the trial's own time
                self._look(watch, timed=False)
            pipe.recv()
            watch.started = time.monotonic()
            while not pipe.poll(_LOOK):
                self._look(watch, timed=True)
            found: Outcome = pipe.recv()
        except _StoppedError as stopped:
            self.close()
            return replace(stopped.outcome, seconds=watch.spent, memory=watch.most, limits=limits)
        except (EOFError, OSError):
            return replace(self._end(), seconds=watch.spent, memory=watch.most, limits=limits)
        watch.look()
        return replace(found, memory=watch.most)

    def _look(self, watch: _Watch, *, timed: bool) -> None:
        if self._cancel():
            self.close()
            raise CancelledError("cancelled")
        watch.look()
        limits = watch.limits
        if limits.memory is not None and watch.most > limits.memory:
            held = f"its process held {watch.most / 1e6:.0f} MB, {limits.memory / 1e6:.0f} MB are allowed"
            raise _StoppedError(Outcome(why="memory", reason=held))
        if timed and limits.seconds is not None and watch.spent > limits.seconds:
            raise _StoppedError(Outcome(why="time", reason=f"took more than {limits.seconds:.1f} s"))

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        ours, theirs = Pipe()
        with theirs:
            # paths of this process: what it can import, the other can
            command = [sys.executable, "-c", _BEGIN, str(theirs.fileno()), json.dumps(sys.path)]
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__ or subprocess.DEVNULL,
            )
        self._pipe = ours
        with suppress(OSError):  # it ended: the first trial says so
            ours.send(self._setup)
        return self._process

    def _end(self) -> Outcome:
        """Take away a process that ended by itself, and say how."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        self.close()
        if code is None or code >= 0:
            return Outcome(why="failed", reason=f"its process ended with status {code}")
        name = signal.Signals(-code).name
        return Outcome(why="killed" if name in _OUTSIDE else "failed", reason=f"its process ended by {name}")

    def close(self) -> None:
        """See Asked.close."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def serve(descriptor: int) -> None:
    """Do the trials that come by a pipe, until it is closed."""
    from foretaste.platform._platform import Platform

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it goes to the one that asks, too, which ends this one
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    pipe = Connection(descriptor)
    with suppress(EOFError, BrokenPipeError):
        setup: Setup = pipe.recv()
        recipe = setup.recipe
        platform = Platform(recipe.plugins, recipe.block, None, recipe.folder, recipe.entry_points)
        lab = platform.lab(setup.experiment, setup.tasks, setup.device, setup.threads)
        while True:
            trial, limits = pipe.recv()
            lab.prepare(trial)
            pipe.send(None)
            found = lab.outcome(trial, limits)
            try:
                pipe.send(found)
            except (TypeError, pickle.PicklingError) as error:
                pipe.send(Outcome(why="failed", reason=f"what it found cannot be told: {error}", limits=limits))


def _end_with(parent: int) -> None:
    """End this process when the one that began it is gone, however that went."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
