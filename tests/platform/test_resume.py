"""What an earlier run left: taken where it is whole, kept where a new run is a mistake, never shared by two at once."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from evaluation.toy_experiment import Popular, Taste, Watch, experiment, platform, run
from foretaste import DataError, ForetasteError, OutputError, PluginError, StrategyError, hookimpl
from foretaste.platform._lock import LOCK, locked

TWO = ({"strategy": "toy/taste"}, {"source": "drugstore", "target": "grocery", "strategy": "toy/plain"})


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


MISTAKES = [
    (({"strategy": "toy/taste"},), {"holdout": {"kind": "newcomers", "visible": 500}}, "leaves nobody to evaluate"),
    (({"strategy": "toy/taste"}, {"strategy": "toy/picky"}), {}, "toy/picky cannot serve this transfer"),
    (({"strategy": "toy/taste"}, {"shared": "none", "strategy": "toy/plain"}), {}, "needs people with rows on both"),
    (({"strategy": "toy/taste"},), {"holdout": {"kind": "newcomers", "fraction": 0.99}}, "nobody to validate on"),
    (({"strategy": "toy/tast"},), {}, "unknown strategy 'toy/tast'"),
    (({"strategy": "toy/taste"},), {"metrics": ["ndgc@5"]}, "unknown metric 'ndgc@5'"),
    (({"strategy": "toy/taste"},), {"domains": {"grocery": {"path": "no"}, "drugstore": {"path": "no"}}}, "no such"),
]


@pytest.mark.parametrize(("transfers", "changed", "words"), MISTAKES)
def test_a_mistake_that_the_data_shows_leaves_the_earlier_run_as_it_was(shops, transfers, changed, words):
    first = run(shops, plugins=[Watch()])
    before, watch = everything(shops / "out"), Watch()
    with pytest.raises(ForetasteError, match=words):
        platform(watch).run(experiment(*transfers, **changed), folder=shops, new=True)
    assert watch.adapted == []
    assert everything(shops / "out") == before
    assert platform(watch).run(experiment(), folder=shops) == first
    assert watch.adapted == []


class OnCpu(Taste):
    name: ClassVar[str] = "toy/taste"

    def unsupported(self, device):
        return "there is none here" if device == "cuda" else None


def test_a_device_that_is_not_there_leaves_earlier_results_as_they_were(shops):
    ours = platform(kinds=(Popular, OnCpu))
    ours.run(experiment(), folder=shops)
    ours.compare(experiment(), folder=shops, output=shops / "raced", control=None)
    before = everything(shops)
    words = r"^grocery -> drugstore: toy/taste cannot be fitted on cuda: there is none here$"
    with pytest.raises(StrategyError, match=words):
        ours.run(experiment(), folder=shops, new=True, device="cuda")
    with pytest.raises(StrategyError, match=words):
        ours.compare(experiment(), folder=shops, output=shops / "raced", control=None, device="cuda")
    assert everything(shops) == before


@pytest.mark.parametrize(("transfers", "changed", "words"), MISTAKES)
def test_a_mistake_that_the_data_shows_leaves_no_folder_behind(shops, transfers, changed, words):
    with pytest.raises(ForetasteError, match=words):
        run(shops, *transfers, output="deep/er/out", **changed)
    assert not (shops / "deep").exists()


def test_once_fitting_began_the_earlier_figures_are_gone_and_its_bundles_stay(shops):
    run(shops)
    with pytest.raises(ForetasteError, match="nothing to divide by"):
        platform().run(experiment({"strategy": "toy/raising"}), folder=shops, new=True)
    assert sorted(path.name for path in (shops / "out").iterdir()) == ["bundles", "run.json", "transfers"]
    assert list((shops / "out" / "transfers").iterdir()) == []
    assert (shops / "out" / "bundles" / "grocery__drugstore" / "v1" / "manifest.json").exists()


# What is damaged is done again ----------------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda out: flip(out / "bundles/grocery__drugstore/v1/arrays.safetensors"), "changed since it was written"),
        (lambda out: (out / "bundles/grocery__drugstore/v1/users.arrow").unlink(), "users.arrow: is missing"),
        (lambda out: (out / "bundles/grocery__drugstore/CURRENT").unlink(), "expected CURRENT or manifest.json in it"),
        (
            lambda out: (out / "transfers/0-grocery__drugstore.people.parquet").unlink(),
            "people.parquet: cannot be read",
        ),
        (
            lambda out: (out / "transfers/0-grocery__drugstore.people.parquet").write_bytes(b"PAR1 and no more"),
            "people.parquet: cannot be read",
        ),
    ],
    ids=["flipped", "missing", "pointer", "no values", "damaged values"],
)
def test_a_damaged_transfer_is_done_again_and_says_so(shops, damage, words):
    first = run(shops, *TWO, plugins=[Watch()])
    damage(shops / "out")
    watch = Watch()
    second = platform(watch).run(experiment(*TWO), folder=shops)
    assert [one.target for one in watch.finished] == ["drugstore"]
    (note,) = second.transfers[0].notes
    assert note.startswith("done again, as what an earlier run left is damaged: ")
    assert words in note
    assert second.transfers[1] == first.transfers[1]
    assert pl.read_parquet(shops / "out/transfers/0-grocery__drugstore.people.parquet").height
    third = Watch()
    assert platform(third).run(experiment(*TWO), folder=shops) == second
    assert third.adapted == []


def test_a_pointer_that_was_set_back_by_hand_is_left_alone(shops):
    """Version 2 is this run's; who serves version 1 again has a reason."""
    run(shops, seed=3)
    platform(Watch()).run(experiment(), folder=shops, new=True)
    pointer = shops / "out/bundles/grocery__drugstore/CURRENT"
    assert pointer.read_text() == "v2\n"
    pointer.write_text("v1\n")
    watch = Watch()
    platform(watch).run(experiment(), folder=shops)
    assert (watch.adapted, pointer.read_text()) == ([], "v1\n")


# run_finished ---------------------------------------------------------------------------------------------------


class Raises:
    """A plugin in hand that cannot note the first transfer that it is told of, as long as it is told to."""

    foretaste_api = 1
    broken = True
    seen: list[str]

    def __init__(self) -> None:
        self.seen = []

    @hookimpl
    def run_finished(self, result):
        self.seen.append(result.target)
        if self.broken:
            raise OSError("the mail does not go out")


def test_a_hook_that_raised_is_called_again_by_the_next_run_and_nothing_is_fitted_again(shops, monkeypatch):
    plugin, watch = Raises(), Watch()
    with pytest.raises(PluginError, match=r"hook run_finished failed in plugin 'Raises': .*the mail does not go out"):
        platform(watch, plugin).run(experiment(*TWO), folder=shops)
    fitted = len(watch.adapted)
    monkeypatch.setattr(Raises, "broken", False)
    platform(watch, plugin).run(experiment(*TWO), folder=shops)
    assert plugin.seen == ["drugstore", "drugstore", "grocery"]
    assert set(watch.adapted[fitted:]) == {"toy/popular", "toy/plain"}
    platform(watch, plugin).run(experiment(*TWO), folder=shops)
    assert len(plugin.seen) == 3


def test_when_the_hook_is_called_everything_is_written(shops):
    class Looks:
        foretaste_api = 1
        found: list[str] = []

        @hookimpl
        def run_finished(self, result):
            self.found.extend(sorted(path.name for path in (shops / "out" / "transfers").iterdir()))
            assert (shops / "out" / result.bundle / "manifest.json").exists()

    run(shops, plugins=[Looks()])
    assert Looks.found == ["0-grocery__drugstore.json", "0-grocery__drugstore.people.parquet"]


# The folder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "output", "words"),
    [
        ("out", "out", "found a file, expected a folder"),
        ("notes.txt", "notes.txt/out", "notes.txt is a file, expected a folder"),
        ("out/transfers", "out", "out/transfers is a file, expected a folder"),
        ("out/bundles", "out", "out/bundles is a file, expected a folder"),
    ],
)
def test_a_file_where_a_folder_is_expected_is_named(shops, file, output, words):
    (shops / file).parent.mkdir(exist_ok=True)
    (shops / file).write_text("mine")
    with pytest.raises(OutputError) as caught:
        run(shops, output=output)
    assert str(caught.value).startswith(f"{shops / output}: cannot be written: ")
    assert str(caught.value).endswith(words)
    assert (shops / file).read_text() == "mine"


def test_of_two_runs_at_once_one_wins_and_the_other_is_told(shops):
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        foretaste_api = 1

        @hookimpl
        def run_finished(self, result):
            inside.set()
            assert go_on.wait(30)

    results = []
    first = threading.Thread(target=lambda: results.append(run(shops, plugins=[Slow()])))
    first.start()
    assert inside.wait(30)
    try:
        with pytest.raises(OutputError) as caught:
            run(shops)
    finally:
        go_on.set()
        first.join()
    assert str(caught.value) == (
        f"{shops / 'out'}: another run (process {os.getpid()}) is writing there;"
        " wait for it, or choose another output folder"
    )
    assert json.loads((shops / "out" / "result.json").read_text()) == results[0].model_dump(mode="json")
    assert not (shops / "out" / LOCK).exists()


def test_a_run_of_another_process_is_noticed_and_one_that_was_killed_is_not(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from foretaste.platform._lock import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('in', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert other.stdout
    try:
        assert other.stdout.readline() == b"in\n"
        with (
            pytest.raises(OutputError, match=rf"another run \(process {other.pid}\) is writing there"),
            locked(tmp_path),
        ):
            pass
    finally:
        other.kill()
        other.communicate()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / LOCK).exists()


def test_an_error_of_the_file_system_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", full)
    with pytest.raises(OutputError, match="cannot be written: No locks available"), locked(tmp_path):
        pass


def test_a_full_disk_is_told_before_any_fit_and_nothing_is_left(shops, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(OutputError, match="out: cannot be written: No space left on device"):
        run(shops)
    assert not (shops / "out").exists()


def test_a_finished_transfer_that_cannot_be_read_is_told(shops, monkeypatch):
    run(shops)

    def closed(path, **_):
        raise PermissionError(13, "Permission denied")

    place = shops / "out" / "transfers" / "0-grocery__drugstore.json"
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: (closed if path == place else read)(path, **how))
    with pytest.raises(OutputError, match=r"0-grocery__drugstore\.json: cannot be read: Permission denied"):
        run(shops)


def test_a_failed_run_lets_go_of_the_folder(shops):
    for _ in range(2):
        with pytest.raises(DataError, match="leaves nobody to evaluate"):
            run(shops, holdout={"kind": "newcomers", "visible": 500})
