"""A training that was stopped goes on where it was, and never from what other work left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation import toy_epochs
from evaluation.toy_epochs import EPOCHS, Epochs, epochs_platform, run_epochs
from evaluation.toy_experiment import Toy, experiment, platform, shop
from foretaste import Carried, Context, Domain, Overlap, StrategyError, Transfer, hookimpl, load_bundle
from foretaste.platform._checkpoints import Checkpoints
from foretaste.testing import taste_world

ALL = list(range(1, EPOCHS + 1))


@pytest.fixture(autouse=True)
def _nothing_stops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Epochs, "done", [])
    yield
    Epochs.stop, Epochs.by = {}, "raise"


def stopped(shops, **changed):
    Epochs.stop = {"adapt": 2}
    with pytest.raises(StrategyError, match="stopped midway"):
        run_epochs(shops, **changed)
    Epochs.stop = {}
    Epochs.done.clear()


def first_of(stage):
    """The epochs of the first training of a stage."""
    mine = [epoch for one, epoch in Epochs.done if one == stage]
    again = [place for place in range(1, len(mine)) if mine[place] <= mine[place - 1]]
    return mine[: again[0]] if again else mine


def states(shops):
    return sorted(path.parent.name.split("-")[0] for path in (shops / "out" / "checkpoints").rglob("*.safetensors"))


def test_a_run_that_failed_midway_goes_on_where_it_was(shops, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("whole")
    for name in ("grocery", "drugstore"):
        (elsewhere / f"{name}.parquet").write_bytes((shops / f"{name}.parquet").read_bytes())
    whole = run_epochs(elsewhere)
    stopped(shops)
    assert states(shops) == ["adapt", "pretrain"]
    resumed = run_epochs(shops)
    assert first_of("pretrain") == []
    assert first_of("adapt") == [3, 4]
    assert resumed.transfers[0].leaderboard[0].metrics == whole.transfers[0].leaderboard[0].metrics
    mine, theirs = (load_bundle(folder / "out" / whole.transfers[0].bundle) for folder in (shops, elsewhere))
    assert all(np.array_equal(array, theirs.arrays()[0][name]) for name, array in mine.arrays()[0].items())


def test_a_process_that_was_killed_goes_on_where_it_was(shops):
    paths = os.pathsep.join(sys.path)
    command = [sys.executable, toy_epochs.__file__, str(shops)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert done.returncode == -signal.SIGKILL
    run_epochs(shops)
    assert (first_of("pretrain"), first_of("adapt")) == ([], [3, 4])


def test_nothing_is_left_of_it_once_the_run_is_done(shops):
    run_epochs(shops)
    assert sorted(path.name for path in (shops / "out").iterdir()) == [
        "bundles",
        "result.json",
        "run.json",
        "transfers",
    ]


def test_what_a_source_taught_is_kept_for_the_next_transfer(shops):
    seen = []

    class Watching:
        foretaste_api = 1

        @hookimpl
        def run_finished(self, result):
            seen.append(states(shops))

    run_epochs(shops, Watching())
    assert seen == [["pretrain"]]


@pytest.mark.parametrize("change", ["seed", "data", "settings"])
def test_other_work_never_reads_the_state(shops, change):
    stopped(shops)
    if change == "data":
        shop(5, "g").write_parquet(shops / "grocery.parquet")
        run_epochs(shops)
    elif change == "seed":
        run_epochs(shops, seed=8)
    else:
        made = experiment({"strategy": "toy/epochs", "params": {"scale": 2.0}})
        epochs_platform().run(made, folder=shops)
    assert (first_of("pretrain"), first_of("adapt")) == (ALL, ALL)


def test_new_begins_anew(shops):
    stopped(shops)
    run_epochs(shops, new=True)
    assert (first_of("pretrain"), first_of("adapt")) == (ALL, ALL)


def test_a_damaged_state_is_told_and_training_begins_anew(shops):
    stopped(shops)
    for place in (shops / "out" / "checkpoints").rglob("*.safetensors"):
        place.write_bytes(place.read_bytes()[:-9])
    lines = []
    made = experiment({"strategy": "toy/epochs"})
    epochs_platform().run(made, folder=shops, progress=lines.append)
    assert (first_of("pretrain"), first_of("adapt")) == (ALL, ALL)
    assert len([line for line in lines if "is damaged, training begins anew" in line]) == 2


def test_what_else_lies_in_the_folder_of_states_stays(shops):
    mine = shops / "out" / "checkpoints" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    run_epochs(shops)
    run_epochs(shops, new=True)
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


# Platform.fit and strategies inside others ---------------------------------------------------------------------------


def world(seed=1):
    source, target = Domain.from_frame(shop(seed, "g"), "grocery"), Domain.from_frame(shop(2, "d"), "drugstore")
    return Transfer.of(source, target, Overlap("users"))


def test_a_single_fit_goes_on_where_it_was(tmp_path):
    whole = epochs_platform().fit("toy/epochs", world())
    Epochs.stop = {"pretrain": 3}
    with pytest.raises(StrategyError, match="stopped midway"):
        epochs_platform().fit("toy/epochs", world(), checkpoints=tmp_path / "states")
    Epochs.stop = {}
    Epochs.done.clear()
    found = epochs_platform().fit("toy/epochs", world(), checkpoints=tmp_path / "states")
    assert (first_of("pretrain"), first_of("adapt")) == ([4], ALL)
    assert all(np.array_equal(array, found.arrays()[0][name]) for name, array in whole.arrays()[0].items())
    assert list((tmp_path / "states").iterdir()) == []


def test_a_folder_that_was_made_for_a_fit_is_taken_away(tmp_path):
    epochs_platform().fit("toy/epochs", world(), checkpoints=tmp_path / "made" / "states")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{"seed": 1}, {"params": {"scale": 2.0}}, {"transfer": 5}])
def test_another_fit_never_reads_the_state(tmp_path, other):
    Epochs.stop = {"adapt": 3}
    with pytest.raises(StrategyError, match="stopped midway"):
        epochs_platform().fit("toy/epochs", world(), checkpoints=tmp_path)
    Epochs.stop = {}
    Epochs.done.clear()
    epochs_platform().fit("toy/epochs", checkpoints=tmp_path, **{**other, "transfer": world(other.get("transfer", 1))})
    assert (first_of("pretrain"), first_of("adapt")) == (ALL, ALL)


def test_a_strategy_that_is_fitted_for_another_keeps_its_own_state(tmp_path):
    class Outer(Toy):
        name = "toy/outer"

        def pretrain(self, source: Domain, context: Context) -> Carried:
            return Carried()

        def adapt(self, carried, transfer, context):
            places.append(context.checkpoint.folder)
            return context.fit("toy/epochs", {}, transfer)

    places: list[Path] = []
    Epochs.stop = {"adapt": 1}
    for _ in range(2):
        try:
            platform(kinds=(Epochs, Outer)).fit("toy/outer", world(), checkpoints=tmp_path)
        except StrategyError:
            assert len(list(tmp_path.glob("adapt-*"))) == 1  # the outer one saved nothing
    assert [epoch for stage, epoch in Epochs.done if stage == "adapt"] == ALL
    assert places[0] == places[1]
    assert not list(tmp_path.rglob("*.safetensors"))


def test_without_a_folder_nothing_is_kept():
    class Asks(Toy):
        name = "toy/asks"

        def adapt(self, carried, transfer, context):
            assert context.checkpoint is None
            return super().adapt(carried, transfer, context)

    platform(kinds=(Asks,)).fit("toy/asks", taste_world())


def test_the_device_and_the_threads_are_part_of_what_a_state_is_known_by(tmp_path):
    one, context = Checkpoints(tmp_path, "code"), Context()
    source = world().pair.source
    others = [context, replace(context, device="cuda"), replace(context, threads=2), replace(context, seed=1)]
    names = {one.of_pretraining(Epochs(), {}, source, other).folder.name for other in others}
    names.add(Checkpoints(tmp_path, "other code").of_pretraining(Epochs(), {}, source, context).folder.name)
    assert len(names) == 5
