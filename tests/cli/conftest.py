"""A toy world: 100 people of two tastes in a grocery and a drugstore, so that taste carries over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from foretaste.cli import app

PEOPLE = 100
EXPERIMENT = """\
domains:
  grocery: {path: grocery.parquet}
  drugstore: {path: drugstore.parquet}
transfers:
  - {source: grocery, target: drugstore, shared: users, strategy: linear/naive-bayes, beside: [align/ridge]}
metrics: [ndcg@5, recall@5]
tries: 2
output: out
"""


def shop(seed: int, prefix: str, rows: int) -> pl.DataFrame:
    """Feedback of everybody (ids 1000, 1007, ...): eight of nine rows are items of the person's own taste."""
    rng = np.random.default_rng(seed)
    found = []
    for person in range(PEOPLE):
        taste = person % 2
        own = [f"{prefix}{item}" for item in range(10 * taste, 10 * taste + 10)]
        other = [f"{prefix}{item}" for item in range(10 * (1 - taste), 10 * (1 - taste) + 10)]
        items = [*rng.choice(own, rows - 1, replace=False), *rng.choice(other if person % 4 else own, 1)]
        found.extend({"user_id": 1000 + 7 * person, "item_id": str(item)} for item in dict.fromkeys(items))
    return pl.DataFrame(found)


def write_world(folder: Path, experiment: str = EXPERIMENT) -> Path:
    shop(1, "g", 7).write_parquet(folder / "grocery.parquet")
    shop(2, "d", 5).write_parquet(folder / "drugstore.parquet")
    path = folder / "experiment.yaml"
    path.write_text(experiment)
    return path


class Answer:
    """What a command answered."""

    def __init__(self, result: Any) -> None:
        self.code: int = result.exit_code
        self.out: str = result.stdout
        self.err: str = result.stderr
        self.exception = result.exception

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}\n{self.exception!r}"

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Call = Callable[..., Answer]


@pytest.fixture
def call() -> Call:
    return run_command


def run_command(*arguments: object, **environment: str) -> Answer:
    # what a developer's shell or a build machine sets must not make a terminal of a pipe
    quiet = dict.fromkeys(("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"))
    runner = CliRunner(env=quiet | environment)
    return Answer(runner.invoke(app, [str(argument) for argument in arguments]))


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """A fresh world."""
    return write_world(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A world that was run, and what ``run`` printed; not to be written to."""
    path = write_world(tmp_path_factory.mktemp("finished"))
    answer = run_command("run", path)
    assert answer.code == 0, answer
    return path, answer


@pytest.fixture(scope="session")
def bundle(finished: tuple[Path, Answer]) -> Path:
    return finished[0].parent / "out" / "bundles" / "grocery__drugstore"
