"""Deep training that was killed goes on where it was, and ends where it would have ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretaste import Checkpoint, Context, FactorModel, StrategyError
from foretaste.testing import fit_once, taste_world
from foretaste_deep import Finetune

pytest.importorskip("torch")

from foretaste_deep import _resume

SMALL: dict[str, Any] = {"factors": 8, "source_epochs": 3, "epochs": 8, "learning_rate": 1e-2, "batch": 32}
LINES = (
    3 + 8 + 8
)  # an epoch each of pretraining, of finding when to stop, and of everybody (or fewer, if that is better)


@pytest.fixture(autouse=True)
def _every_epoch_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resume, "EVERY", 0)


def fitted(folder: Path | None, told: list[str] | None = None, cancel_after: int = LINES, **how: Any) -> FactorModel:
    """Fit with a place of its own for pretraining and adapting, as a run gives; cancel after so many lines."""
    lines: list[str] = [] if told is None else told
    begun = len(lines)
    strategy, world = Finetune(**{**SMALL, **how}), taste_world()

    def context(part: str) -> Context:
        place = None if folder is None else Checkpoint(folder / part)
        stop = lambda: len(lines) - begun >= cancel_after  # noqa: E731
        return Context(device="cpu", progress=lines.append, cancel=stop, checkpoint=place)

    carried = strategy.pretrain(world.pair.source, context("pretrain"))
    model = strategy.adapt({"books": carried}, world, context("adapt"))
    assert isinstance(model, FactorModel)
    return model


def same(one: FactorModel, other: FactorModel) -> bool:
    mine, theirs = one.arrays()[0], other.arrays()[0]
    return all(np.array_equal(mine[name], theirs[name]) for name in mine | theirs)


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        (1, {}),
        (3, {}),
        (5, {}),
        (13, {}),
        (5, {"model": "factors"}),
        (5, {"held": 0.0}),
        (5, {"thaw": 2}),
        (5, {"sparse": True}),
    ],
    ids=str,
)
def test_what_was_cancelled_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, lines: int, how: dict[str, Any]
) -> None:
    with pytest.raises(StrategyError, match="cancelled"):
        fitted(tmp_path, cancel_after=lines, **how)
    told: list[str] = []
    assert same(fitted(tmp_path, told, **how), fitted(None, **how))
    assert "goes on after epoch" in told[0] or lines == 3  # pretraining had just ended


def test_what_had_ended_is_not_trained_again(tmp_path: Path) -> None:
    whole = fitted(tmp_path)
    told: list[str] = []
    assert same(fitted(tmp_path, told), whole)
    assert told == []


def test_one_place_may_serve_pretraining_and_adapting(tmp_path: Path) -> None:
    strategy, world = Finetune(**SMALL), taste_world()
    model = fit_once(strategy, world, Context(device="cpu", checkpoint=Checkpoint(tmp_path)))
    assert isinstance(model, FactorModel)
    assert same(model, fitted(None))


def test_a_damaged_state_is_told_and_training_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="cancelled"):
        fitted(tmp_path, cancel_after=6)
    (state,) = (tmp_path / "adapt").iterdir()
    state.write_bytes(state.read_bytes()[:-9])
    assert same(fitted(tmp_path), fitted(None))


KILLED = """
import os, signal, sys
from foretaste_deep import _resume
from strategies.test_deep_resume import fitted
from pathlib import Path
_resume.EVERY = 0
class Lines(list):
    def append(self, line):
        super().append(line)
        if len(self) == 6:
            os.kill(os.getpid(), signal.SIGKILL)
fitted(Path(sys.argv[1]), Lines())
"""


def test_a_process_that_was_killed_in_training_leaves_what_the_next_goes_on_from(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    told: list[str] = []
    assert same(fitted(tmp_path, told), fitted(None))
    assert told[0].endswith("films: goes on after epoch 2/8")  # the third was told of, and not yet kept


def test_a_fit_without_a_place_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fit_once(Finetune(**SMALL), taste_world())
    assert list(tmp_path.iterdir()) == []
